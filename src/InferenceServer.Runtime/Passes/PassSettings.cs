using System.Globalization;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Passes;

/// <summary>The passes of one request: the manifest's settings with the request's overrides.</summary>
/// <param name="Mode">Whole, or in tiles.</param>
/// <param name="KeepSize">Whether the network sees the image at the image's own size, without the manifest's
/// resize.</param>
/// <param name="Crop">Size of a tile.</param>
/// <param name="StrideRate">Distance of tiles as a share of the crop.</param>
/// <param name="Scales">Scale factors of the network's view of the image.</param>
/// <param name="Flip">Whether the network also runs on the mirrored image.</param>
/// <param name="Fuse">How passes are fused.</param>
/// <param name="Blend">The weights of a tile's pixels where tiles overlap.</param>
/// <param name="Halo">Pixels cut from each side of a tile's output where another tile covers them.</param>
internal sealed record PassSettings(
    InferenceMode Mode, bool KeepSize, ImageSize Crop, double StrideRate, IReadOnlyList<double> Scales, bool Flip,
    FuseMode Fuse, BlendMode Blend = BlendMode.Uniform, int Halo = 0)
{
    private const double UsualStrideRate = 2.0 / 3;

    /// <summary>Pixels that the network wants for a pixel of the image, across and down; null where it has no wish.</summary>
    public (double X, double Y)? Zoom { get; init; }

    /// <summary>Whether an image can need more than one pass.</summary>
    public bool IsSeveral => Mode == InferenceMode.Slide || Scales.Count > 1 || Flip;

    /// <summary>Whether some of a tile is left between its halos.</summary>
    public bool HaloFits => Halo >= 0 && 2L * Halo < Math.Min(Crop.Width, Crop.Height);

    /// <summary>Distance from one tile to the next along a side of the crop: the stride rate's, but never so much that
    /// halos leave pixels without a tile.</summary>
    public int Stride(int side) => Math.Max(Math.Min((int)Math.Ceiling(side * StrideRate), side - (2 * Halo)), 1);

    /// <summary>Applies a request's overrides to a manifest.</summary>
    public static PassSettings Create(ModelManifest manifest, PassOverrides wanted)
    {
        InferenceManifest inference = manifest.Inference;
        IReadOnlyList<int> crop = inference.Tile(manifest.Preprocess.Size);
        return new PassSettings(
            wanted.Mode
                ?? inference.Mode, wanted.KeepSize
                ?? false, wanted.Crop
                ?? new ImageSize(crop[1], crop[0]), wanted.StrideRate
                ?? inference.StrideRate
                ?? UsualStrideRate,
            wanted.Scales ?? inference.Scales, wanted.Flip ?? inference.Flip, wanted.Fuse ?? inference.Fuse,
            wanted.Blend ?? inference.Blend, wanted.Halo ?? inference.Halo);
    }

    /// <summary>The settings as a table's caption: <c>slide 512×512 by 0.67, scales 0.75 1 1.25, flip,
    /// mean_softmax</c>.</summary>
    public override string ToString()
    {
        List<string> parts = ["whole"];
        if (Mode == InferenceMode.Slide)
        {
            parts = [string.Create(CultureInfo.InvariantCulture, $"slide {Crop} by {StrideRate:0.###}")];
            if (Halo > 0)
            {
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"halo {Halo}"));
            }

            if (Blend != BlendMode.Uniform)
            {
                parts.Add(JsonNamingPolicy.SnakeCaseLower.ConvertName(Blend.ToString()));
            }
        }

        if (KeepSize)
        {
            parts[0] += " at the image's size";
        }

        if (Scales is not [1])
        {
            parts.Add("scales " + string.Join(' ', Scales.Select(s => s.ToString(CultureInfo.InvariantCulture))));
        }

        if (Flip)
        {
            parts.Add("flip");
        }

        if (IsSeveral)
        {
            parts.Add(JsonNamingPolicy.SnakeCaseLower.ConvertName(Fuse.ToString()));
        }

        return string.Join(", ", parts);
    }
}

/// <summary>The overrides of a request; null keeps the setting of the model's manifest.</summary>
public sealed record PassOverrides
{
    /// <summary>No overrides.</summary>
    public static PassOverrides None { get; } = new();

    /// <summary>Whole, or in tiles.</summary>
    public InferenceMode? Mode { get; init; }

    /// <summary>True: the network sees the image at the image's own size, without the manifest's resize.</summary>
    public bool? KeepSize { get; init; }

    /// <summary>Size of a tile, in pixels of the network's input.</summary>
    public ImageSize? Crop { get; init; }

    /// <summary>Distance of tiles as a share of the crop, above 0 and at most 1.</summary>
    public double? StrideRate { get; init; }

    /// <summary>Scale factors of the network's view of the image.</summary>
    public IReadOnlyList<double>? Scales { get; init; }

    /// <summary>Whether the network also runs on the mirrored image.</summary>
    public bool? Flip { get; init; }

    /// <summary>How passes are fused.</summary>
    public FuseMode? Fuse { get; init; }

    /// <summary>The weights of a tile's pixels where tiles overlap.</summary>
    public BlendMode? Blend { get; init; }

    /// <summary>Pixels of the network's input that are cut from each side of a tile's output where another tile covers
    /// them; less than half of the crop.</summary>
    public int? Halo { get; init; }
}
