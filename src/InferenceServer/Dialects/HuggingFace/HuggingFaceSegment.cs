namespace InferenceServer.Dialects.HuggingFace;

/// <summary>One class of a photograph.</summary>
public sealed record HuggingFaceSegment
{
    /// <summary>The class's name.</summary>
    public required string Label { get; init; }

    /// <summary>Mean confidence of its pixels, 0 to 1; absent where the model tells none.</summary>
    public double? Score { get; init; }

    /// <summary>A black and white PNG in base64, as large as the photograph.</summary>
    public required string Mask { get; init; }
}
