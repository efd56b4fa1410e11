namespace InferenceServer.Runtime.Encoding;

/// <summary>A rectangle in pixels.</summary>
public sealed record BoxSummary
{
    /// <summary>Leftmost column.</summary>
    public required int X { get; init; }

    /// <summary>Topmost row.</summary>
    public required int Y { get; init; }

    /// <summary>Columns.</summary>
    public required int Width { get; init; }

    /// <summary>Rows.</summary>
    public required int Height { get; init; }
}
