using System.Text.Json.Serialization;
using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Runtime.Manifests;

/// <summary>How photographs are resized.</summary>
public sealed record ResizeManifest
{
    /// <summary>The rule.</summary>
    public required ResizeMode Mode { get; init; }

    /// <summary>A side in pixels, or [height, width] where the mode is exact.</summary>
    [JsonConverter(typeof(SidesConverter))]
    public IReadOnlyList<int>? Size { get; init; }

    /// <summary>Interpolation.</summary>
    public required ResizeFilter Filter { get; init; }

    /// <summary>True: as Pillow resizes (the kernel widens when shrinking). False: as OpenCV does (it does not).</summary>
    public required bool Antialias { get; init; }

    /// <summary>Larger inputs are shrunk to this many pixels, keeping their ratio. Default 4 194 304.</summary>
    public long MaxPixels { get; init; } = 4_194_304;
}
