using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Segment;

/// <summary>What a request wants done with its image.</summary>
internal sealed record SegmentSettings
{
    /// <summary>What the mask comes as.</summary>
    public EncodingParameters Parameters { get; init; }

    /// <summary>Writes the mask in a dialect; null leaves it to the format of <see cref="Parameters"/>.</summary>
    public IMaskEncoder? Encoder { get; init; }

    /// <summary>Whether the mask comes with confidences where the model has them.</summary>
    public bool WithScores { get; init; }

    /// <summary>What is wanted of the passes.</summary>
    public PassOverrides Inference { get; init; } = PassOverrides.None;

    /// <summary>Whether the mask is refined; null leaves that to the model's manifest.</summary>
    public bool? Refine { get; init; }

    /// <summary>Parameters of the CRF that differ from the manifest's.</summary>
    public CrfOverrides Crf { get; init; } = new();
}
