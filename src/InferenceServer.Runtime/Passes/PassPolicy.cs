using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Passes;

/// <summary>Resolves the passes of a request and checks them against the limits.</summary>
internal sealed class PassPolicy(IOptions<PassOptions> options)
{
    private const int LongestCropSide = 16384;
    private readonly PassOptions _options = options.Value;

    /// <summary>Tiles of one request in flight at once.</summary>
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
    /// <param name="manifest">The model's manifest.</param>
    /// <param name="usual">The manifest's passes, for a request without overrides.</param>
    /// <param name="wanted">The request's overrides.</param>
    /// <exception cref="SegmentationException">A value is outside the configured limits, or the graph cannot run these
    /// passes.</exception>
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
    /// <param name="claims">Whether the pixels of each class are kept.</param>
    /// <returns>The bytes that the passes use at once, beside the image and its mask.</returns>
    /// <exception cref="SegmentationException">The cost is above a limit.</exception>
    internal long Afford(LoadedModel model, PassPlan plan, bool allRows, bool claims)
    {
        long bytes = plan.Bytes(model.Session.Layout, model.Postprocessor.Classes, TilesInFlight(model.Scheduler.Capacity), allRows);
        if (claims)
        {
            bytes += plan.Image.Pixels * model.Postprocessor.Classes;
        }

        Check(plan.Runs, plan.IsAsManifested ? 0 : plan.InputPixels, bytes);
        foreach (ImageSize input in plan.Inputs)
        {
            long scores = model.Postprocessor.OutputBytes(input, out _);
            if (scores > Array.MaxLength)
            {
                throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                    CultureInfo.InvariantCulture,
                    $"Expected at most {Array.MaxLength:N0} bytes of scores from one run of the network, an input " +
                    $"of {input} pixels gives ") +
                    string.Create(CultureInfo.InvariantCulture, $"{scores:N0}. Send a smaller image, or use mode=slide."));
            }
        }

        return bytes;
    }

    /// <summary>Checks the cost of several passes against the limits.</summary>
    /// <param name="runs">Runs of the network.</param>
    /// <param name="inputPixels">Pixels of all their inputs.</param>
    /// <param name="bytes">Bytes in use at once.</param>
    /// <exception cref="SegmentationException">The cost is above a limit.</exception>
    public void Check(long runs, long inputPixels, long bytes)
    {
        if (inputPixels > _options.MaxInputPixels)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"Expected at most {_options.MaxInputPixels:N0} pixels over all runs of the network, " +
                $"got {inputPixels:N0} in {runs:N0} runs. " +
                $"Send a smaller image, fewer scales, no flip, or a larger stride_rate."));
        }

        if (bytes > _options.MaxBytes)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"Expected at most {_options.MaxBytes:N0} bytes for the scores of the image, got {bytes:N0}. " +
                $"Send a smaller image, or use mode=slide with a smaller crop and without refinement."));
        }
    }

    /// <summary>Checks scores that come with an image against the limit.</summary>
    /// <param name="bytes">Bytes in memory.</param>
    /// <param name="size">Width and height of a plane.</param>
    /// <param name="classes">Number of classes.</param>
    /// <exception cref="SegmentationException">The bytes are above the limit.</exception>
    public void CheckScores(long bytes, ImageSize size, int classes)
    {
        if (bytes > _options.MaxBytes)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"Expected at most {_options.MaxBytes:N0} bytes of scores (Inference:MaxBytes), got {bytes:N0} for {classes} classes ") +
                $"of {size} pixels. Send a smaller image, or fewer classes.");
        }
    }

    /// <summary>Checks the network's raw output against the limit, for a request that wants raw output.</summary>
    /// <param name="bytes">Bytes of the output and of the response made from it.</param>
    /// <exception cref="SegmentationException">The bytes are above the limit.</exception>
    public void CheckOutput(long bytes)
    {
        long most = Math.Min(_options.MaxBytes, Array.MaxLength); // a response is one array
        if (bytes > most)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"Expected at most {most:N0} bytes for the network's output and the response, got {bytes:N0}. " +
                $"Send fewer or smaller images, or request binary data instead of JSON, or a mask."));
        }
    }

    /// <summary>Checks what writing an answer takes against the limits.</summary>
    /// <param name="bytes">Bytes at once: the encoder's buffers and the answer.</param>
    /// <param name="largest">Bytes of the largest of them, which is one array.</param>
    /// <param name="format">Name of the format.</param>
    /// <exception cref="SegmentationException">The bytes are above a limit.</exception>
    public void CheckAnswer(long bytes, long largest, string format)
    {
        if (bytes > _options.MaxBytes || largest > Array.MaxLength)
        {
            throw new SegmentationException(SegmentationError.TooManyPixels, string.Create(
                CultureInfo.InvariantCulture,
                $"Expected an answer that takes at most {Math.Min(_options.MaxBytes, Array.MaxLength):N0} bytes of memory to write, " +
                $"got {bytes:N0} for format={format}. Send a smaller image, or request another format."));
        }
    }

    private FormattableString? Complaint(ModelManifest manifest, PassSettings settings)
    {
        if (settings.Scales.Count < 1 || settings.Scales.Count > _options.MaxScales)
        {
            return $"scales: expected 1 to {_options.MaxScales} scales, got {settings.Scales.Count}.";
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
            return $"stride_rate: expected a share of the crop, above 0 and at most 1, got {settings.StrideRate}.";
        }

        if (settings.Crop is not { Width: >= 1 and <= LongestCropSide, Height: >= 1 and <= LongestCropSide })
        {
            return $"crop: expected sides of 1 to {LongestCropSide}, got {settings.Crop}.";
        }

        if (!settings.HaloFits)
        {
            return $"halo: expected 0 or more, and less than half of the crop of {settings.Crop}, got {settings.Halo}. Send a larger crop.";
        }

        return manifest switch
        {
            { Preprocess.Size.Fixed: [int height, int width] } when settings.Crop != new ImageSize(width, height) =>
                $"crop: expected {width}×{height}, the graph's only size, got {settings.Crop}.",
            { Graph.OutputKind: var kind } when kind.EndsInLabels() && settings.IsSeveral =>
                $"mode, scales, flip: expected none of them: the graph ends in labels, which cannot be averaged.",
            { Graph.OutputKind: var kind } when kind.IsProbability() && settings.Fuse != FuseMode.MeanSoftmax =>
                $"fuse: expected mean_softmax: the graph returns probabilities, which can only be averaged.",
            _ => null,
        };
    }
}
