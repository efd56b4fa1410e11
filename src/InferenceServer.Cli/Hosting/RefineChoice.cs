namespace InferenceServer.Cli.Hosting;

/// <summary>Whether masks are refined.</summary>
internal enum RefineChoice
{
    /// <summary>As the model's manifest says.</summary>
    Model,

    /// <summary>By a fully connected CRF.</summary>
    Crf,

    /// <summary>Not.</summary>
    None,
}
