using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Passes;

/// <summary>Resolves what a request wants of the passes and holds it to the limits.</summary>
internal sealed class PassPolicy(IOptions<PassOptions> options)
{
    private const int LongestCropSide = 16384;
    private readonly PassOptions _options = options.Value;

    /// <summary>Tiles of one request that are under way at once.</summary>
    /// <param name="capacity">Inputs that all instances of the model run at once.</param>
    public int TilesInFlight(int capacity)
    {
        if (_options.TilesInFlight > 0)
        {
            return _options.TilesInFlight;
        }

        return capacity + 1;
    }

    /// <summary>The passes of a request.</summary>
    /// <param name="manifest">The model's.</param>
    /// <param name="usual">What the manifest makes of a request that wants nothing else.</param>
    /// <param name="wanted">What this one wants.</param>
    /// <exception cref="SegmentationException">A value is outside of what the configuration allows, or the graph
    /// cannot do that.</exception>
    public PassSettings Resolve(ModelManifest manifest, PassSettings usual, PassOverrides wanted)
    {
        PassSettings settings = wanted == PassOverrides.None ? usual : PassSettings.Create(manifest, wanted);
        if (Complaint(manifest, settings) is { } complaint)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, FormattableString.Invariant(complaint));
        }

        return settings;
    }

    /// <summary>Checks the cost of a request's passes against the limits.</summary>
    /// <param name="model">The model.</param>
    /// <param name="plan">The passes.</param>
    /// <param name="allRows">Whether the scores of all rows are kept.</param>
    /// <returns>The bytes that the passes hold at once, beside the image and its mask.</returns>
    /// <exception cref="SegmentationException">The cost is above a limit.</exception>
    internal long Afford(LoadedModel model, PassPlan plan, bool allRows)
    {
        long bytes = plan.Bytes(model.Session.Layout, model.Postprocessor.Classes, TilesInFlight(model.Scheduler.Capacity), allRows);
        Check(plan.Runs, plan.IsAsManifested ? 0 : plan.InputPixels, bytes);
        return bytes;
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
                $"The image would take {runs:N0} runs of the network with {inputPixels:N0} pixels; at most " +
                $"{_options.MaxInputPixels:N0} are accepted. Send a smaller one, fewer scales, no flip, or a " +
                $"larger stride_rate."));
        }

        if (bytes > _options.MaxBytes)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"The scores of the image would take {bytes:N0} bytes at once; at most {_options.MaxBytes:N0} are " +
                $"accepted. Send a smaller one, or ask for mode=slide with a smaller crop and without refinement."));
        }
    }

    /// <summary>Holds the network's own output, for a caller who wants that, to the limit.</summary>
    /// <param name="bytes">Of the output and of the answer that is made of it.</param>
    /// <exception cref="SegmentationException">It is too much.</exception>
    public void CheckOutput(long bytes)
    {
        long most = Math.Min(_options.MaxBytes, Array.MaxLength); // an answer is one array
        if (bytes > most)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"The network's output and the answer made of it would take {bytes:N0} bytes; at most {most:N0} " +
                $"are accepted. Send fewer or smaller images, ask for bytes where this is JSON, or for a mask."));
        }
    }

    private FormattableString? Complaint(ModelManifest manifest, PassSettings settings)
    {
        if (settings.Scales.Count < 1 || settings.Scales.Count > _options.MaxScales)
        {
            return $"scales: expected 1 to {_options.MaxScales} of them, got {settings.Scales.Count}.";
        }

        foreach (double scale in settings.Scales)
        {
            if (!(scale >= _options.SmallestScale && scale <= _options.LargestScale))
            {
                return $"scales: expected {_options.SmallestScale} to {_options.LargestScale}, got {scale}.";
            }
        }

        if (settings.StrideRate is not (> 0 and <= 1))
        {
            return $"stride_rate: expected a share of the crop, above 0 to 1, got {settings.StrideRate}.";
        }

        if (settings.Crop is not { Width: >= 1 and <= LongestCropSide, Height: >= 1 and <= LongestCropSide })
        {
            return $"crop: expected sides of 1 to {LongestCropSide}, got {settings.Crop}.";
        }

        return manifest switch
        {
            { Preprocess.Size.Fixed: [int height, int width] } when settings.Crop != new ImageSize(width, height) =>
                $"crop: the graph takes no other than {width}×{height}, got {settings.Crop}.",
            { Graph.OutputKind: OutputKind.Labels } when settings.IsSeveral =>
                $"mode, scales, flip: the graph ends in labels, which cannot be averaged; it runs the image once, whole.",
            { Graph.OutputKind: OutputKind.Probabilities } when settings.Fuse != FuseMode.MeanSoftmax =>
                $"fuse: the graph gives probabilities, which can only be averaged: mean_softmax.",
            _ => null,
        };
    }
}
