namespace InferenceServer.Runtime.Encoding;

/// <summary>One class that occurs.</summary>
public sealed record ClassSummary
{
    /// <summary>Index in the mask.</summary>
    public required int Index { get; init; }

    /// <summary>The class's name.</summary>
    public required string Name { get; init; }

    /// <summary>The class's colour, #rrggbb.</summary>
    public required string Color { get; init; }

    /// <summary>Number of pixels.</summary>
    public required long Pixels { get; init; }

    /// <summary>Share of all pixels, 0 to 1.</summary>
    public required double Share { get; init; }

    /// <summary>The smallest rectangle that holds all of them.</summary>
    public required BoxSummary Box { get; init; }
}
