using InferenceServer.Segment;

namespace InferenceServer.Jobs;

/// <summary>What a job was asked for, as it is kept.</summary>
/// <param name="ContentType">Of the upload.</param>
/// <param name="Model">The model's name; null takes the default.</param>
/// <param name="Query">The parameters of each image, the format among them.</param>
internal sealed record JobRequest(string ContentType, string? Model, SegmentQuery Query)
{
    /// <summary>The time that each image may take; null takes the usual.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whose key or token it came with, and who alone may see it; null where it came without.</summary>
    public string? Owner { get; init; }
}
