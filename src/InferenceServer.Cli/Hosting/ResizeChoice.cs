namespace InferenceServer.Cli.Hosting;

/// <summary>At which size the network sees images.</summary>
internal enum ResizeChoice
{
    /// <summary>As the model's manifest says.</summary>
    Model,

    /// <summary>At their own.</summary>
    None,
}
