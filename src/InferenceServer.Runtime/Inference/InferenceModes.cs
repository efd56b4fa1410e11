using System.Globalization;
using InferenceServer.Runtime.Manifests;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Inference;

/// <summary>Resolves what a request wants of the passes and holds it to the limits.</summary>
public sealed class InferenceModes(IOptions<InferenceOptions> options)
{
    private const int LongestCropSide = 16384;
    private readonly InferenceOptions _options = options.Value;

    /// <summary>Tiles of one request that are under way at once.</summary>
    /// <param name="capacity">Inputs that all instances of the model run at once.</param>
    public int TilesInFlight(int capacity) => _options.TilesInFlight > 0 ? _options.TilesInFlight : capacity + 1;

    /// <summary>The passes of a request.</summary>
    /// <exception cref="SegmentationException">A value is outside of what the configuration allows, or the graph cannot do that.</exception>
    public InferenceSettings Resolve(ModelManifest manifest, InferenceOverrides wanted)
    {
        InferenceSettings settings = InferenceSettings.Create(manifest, wanted);
        Expect(settings.Scales.Count >= 1 && settings.Scales.Count <= _options.MaxScales, $"scales: expected 1 to {_options.MaxScales} of them, found {settings.Scales.Count}.");
        foreach (double scale in settings.Scales)
        {
            Expect(scale >= _options.SmallestScale && scale <= _options.LargestScale, $"scales: expected {_options.SmallestScale} to {_options.LargestScale}, found {scale}.");
        }

        Expect(settings.StrideRate is > 0 and <= 1, $"stride_rate: expected a share of the crop above 0 to 1, found {settings.StrideRate}.");
        Expect(settings.Crop is { Width: >= 1 and <= LongestCropSide, Height: >= 1 and <= LongestCropSide }, $"crop: expected sides of 1 to {LongestCropSide}, found {settings.Crop}.");
        Expect(
            manifest.Preprocess.Size.Fixed is not [int height, int width] || settings.Crop == new Kernels.ImageSize(width, height),
            $"crop: the graph takes no other than {Fixed(manifest)}, found {settings.Crop}.");
        Expect(
            manifest.Graph.OutputKind != OutputKind.Labels || !settings.IsSeveral,
            $"mode, scales, flip: the graph ends in labels, which cannot be averaged; it runs the photograph whole, once.");
        Expect(
            manifest.Graph.OutputKind != OutputKind.Probabilities || settings.Fuse == FuseMode.MeanSoftmax,
            $"fuse: the graph gives probabilities; they can only be averaged: mean_softmax.");
        return settings;
    }

    /// <summary>Holds the cost of several passes to the limits.</summary>
    /// <param name="runs">Runs of the network.</param>
    /// <param name="inputPixels">Pixels of all their inputs.</param>
    /// <param name="bytes">Bytes that are held at once.</param>
    /// <exception cref="SegmentationException">It is too much.</exception>
    public void Check(long runs, long inputPixels, long bytes)
    {
        if (inputPixels > _options.MaxInputPixels)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"The photograph would take {runs:N0} runs of the network with {inputPixels:N0} pixels; at most {_options.MaxInputPixels:N0} are accepted. Send a smaller one, fewer scales, no flip, or a larger stride_rate."));
        }

        if (bytes > _options.MaxBytes)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"The scores of the photograph would take {bytes:N0} bytes at once; at most {_options.MaxBytes:N0} are accepted. Send a smaller one, or ask for mode=slide with a smaller crop and without refinement."));
        }
    }

    private static string Fixed(ModelManifest manifest) => manifest.Preprocess.Size.Fixed is [int height, int width] ? $"{width}×{height}" : "";

    private static void Expect(bool holds, FormattableString message)
    {
        if (!holds)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, FormattableString.Invariant(message));
        }
    }
}
