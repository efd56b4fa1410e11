using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime;

/// <summary>What a caller wants for an image: the values of <see cref="Parameters.RequestParameters"/>. Null keeps the model's or the server's default.</summary>
public sealed record SegmentSettings
{
    /// <summary>All defaults.</summary>
    public static SegmentSettings Default { get; } = new();

    /// <summary>The output format.</summary>
    public MaskFormat Format { get; init; } = MaskFormat.Png;

    /// <summary>Choices about the bytes of the format.</summary>
    public FormatSettings Options { get; init; } = FormatSettings.Default;

    /// <summary>Tiles, scales and mirroring that differ from the manifest's.</summary>
    public PassOverrides Passes { get; init; } = PassOverrides.None;

    /// <summary>Whether a fully connected CRF refines the mask; null leaves that to the manifest.</summary>
    public bool? Refine { get; init; }

    /// <summary>CRF parameters that differ from the manifest's.</summary>
    public CrfOverrides Crf { get; init; } = new();

    /// <summary>Time from the request's arrival to the answer; null takes the server's default.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The request's class; null takes the default, interactive.</summary>
    public Priority? Priority { get; init; }
}
