namespace InferenceServer.Runtime.Parameters;

/// <summary>A request parameter: a row of <see cref="RequestParameters"/>, the one place that names a
/// parameter.</summary>
/// <param name="Name">The name in a query, for instance <c>crf.gaussian.weight</c>.</param>
/// <param name="Group">The part of the work that the parameter changes.</param>
/// <param name="Type">The type of the value.</param>
/// <param name="Description">What the parameter does, for OpenAPI and the command line's help.</param>
internal sealed record RequestParameter(string Name, ParameterGroup Group, ParameterType Type, string Description)
{
    /// <summary>Allowed words; empty where any value of the type and range is allowed.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Smallest number; null where the server's configuration or the model sets the limit.</summary>
    public double? Minimum { get; init; }

    /// <summary>Whether <see cref="Minimum"/> itself is not allowed.</summary>
    public bool IsAboveMinimum { get; init; }

    /// <summary>Largest number; null where the server's configuration or the model sets the limit.</summary>
    public double? Maximum { get; init; }

    /// <summary>The default as text; null where the model's manifest or the server's configuration has it.</summary>
    public string? Default { get; init; }

    /// <summary>The default as text where the manifest has the default and no model is used; null as <see
    /// cref="Default"/>.</summary>
    public string? DefaultWithoutModel { get; init; }

    /// <summary>An example, for OpenAPI; null takes the default or the first word.</summary>
    public string? Example { get; init; }

    /// <summary>Parses a value and puts it into the settings. Throws <see cref="FormatException"/> whose message says
    /// what was expected.</summary>
    public required Func<SegmentSettings, string, SegmentSettings> Parse { get; init; }

    /// <summary>Puts a value into settings.</summary>
    /// <param name="settings">The settings so far.</param>
    /// <param name="text">The value as text, in invariant culture.</param>
    /// <param name="shownName">The name that an error message shows, where it differs from <see cref="Name"/>: a header
    /// or a flag.</param>
    /// <returns>New settings with the value.</returns>
    /// <exception cref="SegmentationException">The text is not a value of this parameter.</exception>
    public SegmentSettings Apply(SegmentSettings settings, string text, string? shownName = null)
    {
        try
        {
            return Parse(settings, text);
        }
        catch (FormatException e)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, $"{shownName ?? Name}: expected {e.Message}, got '{text}'.");
        }
    }
}

/// <summary>The part of the work that a parameter changes; <c>/v2</c> and some commands take only some
/// groups.</summary>
internal enum ParameterGroup
{
    /// <summary>The bytes of the answer.</summary>
    Format,

    /// <summary>Deadline and class of the request.</summary>
    Admission,

    /// <summary>What the network sees: bands, tiles, scales and mirroring.</summary>
    Passes,

    /// <summary>The fully connected CRF.</summary>
    Refinement,

    /// <summary>Scores that come with the image.</summary>
    Scores,
}

/// <summary>The type of a parameter's value.</summary>
internal enum ParameterType
{
    /// <summary>One of a few words.</summary>
    Word,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A whole number.</summary>
    Whole,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Flag,

    /// <summary>Text of a form that the description gives.</summary>
    Text,
}
