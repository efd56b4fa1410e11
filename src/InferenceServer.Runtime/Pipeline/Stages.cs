using InferenceServer.Kernels;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>Encoded bytes to pixels; plans the runs of the network and claims memory for both as soon as the header
/// gives the size.</summary>
internal sealed class DecodeStage(ImageDecoder decoder, PassPolicy policy) : IPipelineStage
{
    public Stage? Name => Stage.Decode;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => true;

    public ValueTask RunAsync(PipelineContext context)
    {
        using EncodedImage encoded = decoder.Open(context.Request.Image);
        SegmentSettings settings = context.Request.Settings;
        if (context.Request.Output is not null)
        {
            settings.Format.Encoder.Check(encoded.Geo, settings.Options);
        }

        if (context.Model.Preprocessor.Bands(settings.Bands, settings.ValueScaling) is { } bands)
        {
            DecodeBands(context, encoded, bands);
            return ValueTask.CompletedTask;
        }

        ImageSize size = encoded.Size;
        Plan(context, size, encoded.FurtherBytes);
        context.Geo = encoded.Geo;
        context.Image = new RgbImage(size);
        encoded.Decode(context.Image.Pixels, context.Cancellation);
        return ValueTask.CompletedTask;
    }

    private void DecodeBands(PipelineContext context, EncodedImage encoded, BandPlan plan)
    {
        ImageSize size = encoded.BandSize;
        int[] chosen = plan.Choose(encoded.Bands, encoded.OpaqueBands, encoded.Colors);
        int[] view = [];
        if (!plan.GivesColors)
        {
            view = plan.View(chosen, encoded.Bands);
        }

        int[] read = [.. chosen.Union(view)];
        // The planes, and a copy of one while the view is stretched.
        long planes = size.Pixels * sizeof(float) * (read.Length + 1);
        Plan(context, size, planes + encoded.BandBytes);
        context.Geo = encoded.Geo;
        context.Image = new RgbImage(size);
        Raster raster = new(size, read.Length);
        context.Raster = raster;
        (string type, double? white) = encoded.ReadBands(read, raster.Planes, context.Cancellation);
        plan.RemoveMissing(raster.Choose(Enumerable.Range(0, read.Length)), encoded.Geo?.Nodata);
        IReadOnlyList<Memory<float>> bands = raster.Choose(chosen.Select(band => Array.IndexOf(read, band)));
        PooledBuffer<byte> missing = new((int)size.Pixels);
        context.Missing = missing;
        if (!BandPlan.MarkMissing(bands, missing.Span))
        {
            context.Missing = null;
        }

        if (plan.GivesColors)
        {
            if (!plan.IsScaled)
            {
                (double least, double most) = SampleRange.Of(bands);
                plan = plan.WithWhite(SampleRange.Check(white, type, least, most));
            }

            plan.Scale(bands);
            BandPlan.PaintColors(bands, context.Image.Pixels.Span);
            context.Raster = null;
            return;
        }

        plan.PaintView(raster.Choose(view.Select(band => Array.IndexOf(read, band))), context.Image.Pixels.Span);
        plan.Scale(bands);
        context.Bands = bands;
    }

    private void Plan(PipelineContext context, ImageSize size, long furtherBytes)
    {
        context.Plan = context.Model.Preprocessor.Plan(size, context.Passes);
        if (!context.MakesMask)
        {
            context.Admitted.HoldPixels(size.Pixels, furtherBytes);
            return;
        }

        long bytes = policy.Afford(context.Model, context.Plan, context.Unrefined.Probabilities, context.WithClaims);
        long pixels = size.Pixels;
        if (context.Plan.IsOne)
        {
            pixels = Math.Max(size.Pixels, context.Plan.InputPixels);
            // The resized bands and the input.
            furtherBytes += 2 * context.Model.Session.Layout.FurtherBytes(context.Plan.Whole.Bucket);
        }

        context.Admitted.HoldPixels(pixels, bytes + furtherBytes);
    }
}

/// <summary>Pixels to the network's input, where the image runs whole and once.</summary>
internal sealed class PreprocessStage(SegmentationMetrics metrics) : IPipelineStage
{
    public Stage? Name => Stage.Preprocess;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => context.Plan.IsOne;

    public ValueTask RunAsync(PipelineContext context)
    {
        metrics.Padded(context.Model.Name, context.Plan.Whole.PadRatio);
        if (context.Bands is { } bands)
        {
            context.Input = context.Model.Preprocessor.Prepare(bands, context.Plan.Whole);
            context.Raster = null;
        }
        else
        {
            context.Input = context.Model.Preprocessor.Prepare(context.Image.Pixels.Span, context.Plan.Whole);
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>The network's input to its output, where the image runs whole and once. The scheduler measures the time
/// in its queue and in the network.</summary>
internal sealed class InferStage : IPipelineStage
{
    public Stage? Name => null;

    public bool UsesCpu => false;

    public bool AppliesTo(PipelineContext context) => context.Plan.IsOne;

    public async ValueTask RunAsync(PipelineContext context)
    {
        RunContext run = new(context.Admitted.Priority, context.Timings);
        context.Output = await context.Model.Scheduler.RunAsync(context.Input, run, context.Cancellation).ConfigureAwait(false);
        context.FreeInput();
        context.Admitted.LeaveBacklog();
    }
}

/// <summary>The network's output to the class of each pixel, where the image runs whole and once.</summary>
internal sealed class PostprocessStage : IPipelineStage
{
    public Stage? Name => Stage.Postprocess;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => context.Plan.IsOne;

    public ValueTask RunAsync(PipelineContext context)
    {
        (bool confidence, bool probabilities) = context.Unrefined;
        context.Mask = context.Model.Postprocessor.Compute(
            context.Output, context.Plan.Whole, confidence, probabilities, context.WithClaims);
        context.FreeOutput();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Replaces the mask with one that a fully connected CRF has refined. The refiner has slots of its
/// own.</summary>
internal sealed class RefineStage(CrfRefiner refiner) : IPipelineStage
{
    public Stage? Name => Stage.Crf;

    public bool UsesCpu => false;

    public bool AppliesTo(PipelineContext context) => context.Crf is not null;

    public async ValueTask RunAsync(PipelineContext context) => context.Mask = await refiner.RefineAsync(
        context.Mask, context.Model.Postprocessor.Classes, context.Image.Pixels, context.WithConfidence, context.Crf!,
        context.Cancellation).ConfigureAwait(false);
}

/// <summary>Gives pixels where no band has data the manifest's label for them.</summary>
internal sealed class NodataStage : IPipelineStage
{
    public Stage? Name => Stage.Postprocess;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) =>
        context.Missing is not null && context.Model.Manifest.Postprocess.NodataLabel is not null;

    public ValueTask RunAsync(PipelineContext context)
    {
        context.Mask.Cover(context.Missing!.Span, context.Model.Manifest.Postprocess.NodataLabel!.Value);
        return ValueTask.CompletedTask;
    }
}

/// <summary>The mask to the bytes of the request's format.</summary>
internal sealed class EncodeStage(SegmentationMetrics metrics) : IPipelineStage
{
    public Stage? Name => Stage.Encode;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => context.Request.Output is not null;

    public ValueTask RunAsync(PipelineContext context)
    {
        SegmentSettings settings = context.Request.Settings;
        MaskContent content = Image(context);
        if (context.MakesMask)
        {
            content = WithMask(content, context);
            metrics.Segmented(context.Model.Name, content.Size.Pixels);
        }

        settings.Format.Encoder.Encode(content, settings.Options, context.Request.Output!);
        return ValueTask.CompletedTask;
    }

    private static MaskContent Image(PipelineContext context) => new()
    {
        Model = context.Model.Name,
        Version = context.Model.Version,
        Classes = context.Model.Classes,
        Channels = context.Model.Postprocessor.Classes,
        Size = context.Plan.Image,
        Labels = default,
        Planes = [],
        Confidence = default,
        Probabilities = default,
        Image = context.Image.Pixels,
        Geo = context.Geo,
        Georeference = context.Georeference,
    };

    private static MaskContent WithMask(MaskContent image, PipelineContext context) => image with
    {
        Labels = context.Mask.Labels,
        WideLabels = context.Mask.WideLabels,
        Claims = context.Mask.Claims,
        Planes = context.Request.Settings.Format.UsesPlanes ? context.Mask.Planes(context.Model.Classes.NamedNone) : [],
        Confidence = context.Mask.Confidence,
        Probabilities = context.Mask.Probabilities,
    };
}
