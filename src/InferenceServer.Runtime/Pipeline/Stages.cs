using InferenceServer.Kernels;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;

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
        if (context.Request.Output is not null)
        {
            context.Request.Settings.Format.Encoder.Check(encoded.Geo, context.Request.Settings.Options);
        }

        ImageSize size = encoded.Size;
        context.Plan = context.Model.Preprocessor.Plan(size, context.Passes);
        long bytes = policy.Afford(context.Model, context.Plan, context.Unrefined.Probabilities, context.WithClaims);
        long pixels = context.Plan.IsOne ? Math.Max(size.Pixels, context.Plan.InputPixels) : size.Pixels;
        context.Admitted.HoldPixels(pixels, bytes + encoded.FurtherBytes);
        context.Geo = encoded.Geo;
        context.Image = new RgbImage(size);
        encoded.Decode(context.Image.Pixels, context.Cancellation);
        return ValueTask.CompletedTask;
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
        context.Input = context.Model.Preprocessor.Prepare(context.Image.Pixels.Span, context.Plan.Whole);
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

/// <summary>The mask to the bytes of the request's format.</summary>
internal sealed class EncodeStage(SegmentationMetrics metrics) : IPipelineStage
{
    public Stage? Name => Stage.Encode;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => context.Request.Output is not null;

    public ValueTask RunAsync(PipelineContext context)
    {
        SegmentSettings settings = context.Request.Settings;
        MaskContent content = new()
        {
            Model = context.Model.Name,
            Version = context.Model.Version,
            Classes = context.Model.Classes,
            Channels = context.Model.Postprocessor.Classes,
            Size = context.Mask.Size,
            Labels = context.Mask.Labels,
            WideLabels = context.Mask.WideLabels,
            Claims = context.Mask.Claims,
            Planes = settings.Format.UsesPlanes ? context.Mask.Planes(context.Model.Classes.NamedNone) : [],
            Confidence = context.Mask.Confidence,
            Probabilities = context.Mask.Probabilities,
            Image = context.Image.Pixels,
            Geo = context.Geo,
        };
        settings.Format.Encoder.Encode(content, settings.Options, context.Request.Output!);
        metrics.Segmented(context.Model.Name, context.Mask.Size.Pixels);
        return ValueTask.CompletedTask;
    }
}
