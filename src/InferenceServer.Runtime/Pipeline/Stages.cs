using InferenceServer.Kernels;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>The encoded background of a cutout to pixels: the largest central part with the image's aspect ratio, resized as
/// Pillow's bicubic to the image's size.</summary>
internal sealed class BackgroundStage(ImageDecoder decoder) : IPipelineStage
{
    public Stage? Name => Stage.Decode;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => !context.Options.BackgroundImage.IsEmpty;

    public ValueTask RunAsync(PipelineContext context)
    {
        try
        {
            context.Background = Read(context);
        }
        catch (SegmentationException e) when (e.Error != SegmentationError.Overloaded)
        {
            // The request has two images: the error says which.
            throw new SegmentationException(e.Error, "background: " + e.Message, e);
        }

        return ValueTask.CompletedTask;
    }

    private RgbImage Read(PipelineContext context)
    {
        ImageSize size = context.Size;
        using EncodedImage encoded = decoder.Open(context.Options.BackgroundImage, hasChoices: false);
        long pixels = encoded.Size.Pixels; // decoders may hold the whole image
        encoded.Narrow(PixelWindow.Center(encoded.Size, size));
        decoder.CheckMemory(encoded.DecodingBytes);
        context.Admitted.HoldMorePixels(pixels, encoded.DecodingBytes + (size.Pixels * RgbImage.Channels));
        using RgbImage part = new(encoded.Size);
        encoded.Decode(part.Pixels, context.Cancellation);
        using Owned<RgbImage> background = new(new RgbImage(size));
        PillowResizer.Resize(part.Pixels.Span, part.Size, background.Value.Pixels.Span, size, ResizeFilter.Bicubic);
        return background.Release();
    }
}

/// <summary>Pixels to the network's input, where the image runs whole and once.</summary>
internal sealed class PreprocessStage(SegmentationMetrics metrics) : IPipelineStage
{
    public Stage? Name => Stage.Preprocess;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => context.Plan is { IsOne: true };

    public ValueTask RunAsync(PipelineContext context)
    {
        metrics.Padded(context.Model.Name, context.Plan.Whole.PadRatio);
        if (context.Bands is { } bands)
        {
            context.Input = context.Model.Preprocessor.Prepare(bands, context.Plan.Whole);
            bands.Complete();
            context.Bands = null;
        }
        else
        {
            context.Input = context.Model.Preprocessor.Prepare(
                context.Image.Pixels.Span, context.Image.Size, context.Plan.Whole);
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>Refuses an image whose colours make its refinement need too much memory, before the network runs. Bands that are
/// read tile by tile are no image yet, and a lattice that the caller keeps has been built before.</summary>
internal sealed class RefinableStage(CrfRefiner refiner) : IPipelineStage
{
    public Stage? Name => Stage.Crf;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) =>
        context is { Crf: not null, Bands: null, Request: { Scores: null, Lattice: null or { Wanted: null } } };

    public ValueTask RunAsync(PipelineContext context)
    {
        refiner.Check(context.Size, context.Origin.Channels, context.Crf!, context.Pixels.Span, context.Cancellation);
        return ValueTask.CompletedTask;
    }
}

/// <summary>The network's input to its output, where the image runs whole and once. The scheduler measures the time
/// in its queue and in the network.</summary>
internal sealed class InferStage : IPipelineStage
{
    public Stage? Name => null;

    public bool UsesCpu => false;

    public bool AppliesTo(PipelineContext context) => context.Plan is { IsOne: true };

    public async ValueTask RunAsync(PipelineContext context)
    {
        bool labelsSuffice = context.Unrefined == default && context.Model.Postprocessor.LabelsSuffice(context.Plan.Whole);
        RunContext run = new(context.Admitted.Priority, context.Timings, LabelsSuffice: labelsSuffice);
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

    public bool AppliesTo(PipelineContext context) => context.Plan is { IsOne: true };

    public ValueTask RunAsync(PipelineContext context)
    {
        (bool confidence, bool probabilities) = context.Unrefined;
        context.Mask = context.Model.Postprocessor.Compute(
            context.Output, context.Plan.Whole, confidence, probabilities, context.WithClaims);
        context.FreeOutput();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Scores that came with the image, in place of a network's.</summary>
internal sealed class GivenScoresStage : IPipelineStage
{
    public Stage? Name => Stage.Postprocess;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => context.Request.Scores is not null;

    public ValueTask RunAsync(PipelineContext context)
    {
        context.Mask = context.Request.Scores!.ToMask();
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
        context.Mask, context.Origin.Channels, context.Image.Pixels, context.Refined, context.Crf!,
        context.Cancellation, context.Request.Lattice).ConfigureAwait(false);
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
internal sealed class EncodeStage(PassPolicy policy, SegmentationMetrics metrics) : IPipelineStage
{
    public Stage? Name => Stage.Encode;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => context.Request.Output is not null;

    public ValueTask RunAsync(PipelineContext context)
    {
        SegmentSettings settings = context.Request.Settings;
        context.Bands?.Complete(); // of an image that the network does not see
        MaskContent content = Image(context);
        if (context.MakesMask)
        {
            content = WithMask(content, context);
            metrics.Segmented(context.Admitted.ModelName, content.Size.Pixels);
        }

        PooledBufferWriter? grows = context.Request.Output as PooledBufferWriter;
        grows?.Growing = new AnswerGrowth(context, policy).Reach;
        settings.Format.Encoder.Encode(content, context.Options, context.Request.Output!);
        grows?.Growing = null;
        return ValueTask.CompletedTask;
    }

    private MaskContent Image(PipelineContext context) => new()
    {
        Claim = bytes =>
        {
            policy.CheckAnswer(bytes, largest: 0, context.Request.Settings.Format.Name);
            context.Admitted.HoldMorePixels(0, bytes);
        },
        Model = context.Origin.Name,
        Version = context.Origin.Version,
        Classes = context.Origin.Classes,
        Channels = context.Origin.Channels,
        IsForegroundOnly = context.Origin.IsForegroundOnly,
        Size = context.Size,
        Labels = default,
        Planes = [],
        Confidence = default,
        Probabilities = default,
        Image = context.Pixels,
        Background = context.Background?.Pixels ?? default,
        Geo = context.Geo,
        Georeference = context.Georeference,
    };

    private static MaskContent WithMask(MaskContent image, PipelineContext context) => image with
    {
        Labels = context.Mask.Labels,
        WideLabels = context.Mask.WideLabels,
        Claims = context.Mask.Claims,
        Planes = context.Request.Settings.Format.UsesPlanes ? context.Mask.Planes(context.Origin.Classes.NamedNone) : [],
        Confidence = context.Mask.Confidence,
        Probabilities = context.Mask.Probabilities,
        TakeProbabilities = context.Mask.TakeProbabilities,
    };
}

/// <summary>Claims memory for an answer that grows beyond what was counted for it.</summary>
internal sealed class AnswerGrowth(PipelineContext context, PassPolicy policy)
{
    private long _held = context.AnswerRoom;

    /// <summary>Called before the answer's buffer grows.</summary>
    /// <param name="bytes">Bytes that the buffer will have.</param>
    /// <exception cref="SegmentationException">There is no room for them.</exception>
    public void Reach(long bytes)
    {
        if (bytes <= _held)
        {
            return;
        }

        policy.CheckAnswer(bytes, bytes, context.Request.Settings.Format.Name);
        context.Admitted.HoldMorePixels(0, bytes - _held);
        _held = bytes;
    }
}
