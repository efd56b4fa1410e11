using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime;

/// <summary>One photograph to segment.</summary>
public sealed record SegmentationRequest
{
    /// <summary>The bytes of an encoded image; they stay the caller's and may not change until the result is there.</summary>
    public required ReadOnlyMemory<byte> Image { get; init; }

    /// <summary>A request for an image with a caller's settings.</summary>
    /// <param name="image">The bytes of an encoded image; not copied.</param>
    /// <param name="settings">What the caller wants.</param>
    /// <param name="hasScores">Whether the model has scores, for a format that uses confidences where there are some.</param>
    /// <param name="timings">Receives the time of each stage.</param>
    public static SegmentationRequest Create(ReadOnlyMemory<byte> image, SegmentSettings settings, bool hasScores, StageTimings timings) => new()
    {
        Image = image,
        WithConfidence = settings.Format.NeedsConfidence || (settings.Format.UsesConfidence && hasScores),
        WithProbabilities = settings.Format.NeedsProbabilities,
        Inference = settings.Passes,
        Refine = settings.Refine,
        Crf = settings.Crf,
        Timings = timings,
    };

    /// <summary>Whether the probability of each pixel's class is wanted too.</summary>
    public bool WithConfidence { get; init; }

    /// <summary>Whether the network's probability of every class at every pixel is wanted too, 4 bytes each; not together with refinement, which uses them up.</summary>
    public bool WithProbabilities { get; init; }

    /// <summary>What is wanted of the passes instead of what the manifest says: tiles, scales, the mirrored photograph.</summary>
    public PassOverrides Inference { get; init; } = PassOverrides.None;

    /// <summary>Whether the mask is refined by a fully connected CRF; null leaves that to the model's manifest.</summary>
    public bool? Refine { get; init; }

    /// <summary>Parameters of the CRF that differ from the manifest's.</summary>
    public CrfOverrides Crf { get; init; } = new();

    /// <summary>Gets the time of each stage; a caller that reads the image itself has added <see cref="Stage.Read"/>.</summary>
    public StageTimings Timings { get; init; } = new();
}
