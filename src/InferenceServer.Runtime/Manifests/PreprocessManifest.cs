using InferenceServer.Kernels.Normalization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Normalisation (x·scale − mean) / std, resize policy, legal sizes and padding.</summary>
public sealed record PreprocessManifest
{
    /// <summary>Channel order of the network.</summary>
    public required ChannelOrder Color { get; init; }

    /// <summary>Multiplied with the 8-bit values first: 1/255, or 1 where mean and std are in 0 to 255.</summary>
    public required float Scale { get; init; }

    /// <summary>Three means, in the network's channel order.</summary>
    public required IReadOnlyList<float> Mean { get; init; }

    /// <summary>Three standard deviations, in the network's channel order.</summary>
    public required IReadOnlyList<float> Std { get; init; }

    /// <summary>How photographs are resized before the network sees them.</summary>
    public required ResizeManifest Resize { get; init; }

    /// <summary>The heights and widths that the network takes.</summary>
    public required SizeManifest Size { get; init; }

    /// <summary>How an image is brought to a legal size.</summary>
    public required PadManifest Pad { get; init; }
}
