using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
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
internal sealed class DecodeStage(ImageDecoder decoder, PassPolicy policy, CrfRefiner refiner) : IPipelineStage
{
    public Stage? Name => Stage.Decode;

    public bool UsesCpu => true;

    public bool AppliesTo(PipelineContext context) => true;

    public ValueTask RunAsync(PipelineContext context)
    {
        SegmentSettings settings = context.Request.Settings;
        Geotransform? transform = settings.Options.Geotransform;
        bool runs = context.Request.Scores is null;
        using Owned<EncodedImage> opened = new(
            decoder.Open(context.Request.Image, settings.Window, transform?.ToGdal(), hasChoices: runs));
        EncodedImage encoded = opened.Value;
        if (encoded.IsNarrowed)
        {
            context.Options = settings.Options with { Geotransform = transform?.Shifted(encoded.Offset.X, encoded.Offset.Y) };
        }

        if (context.Request.Output is not null)
        {
            settings.Format.Encoder.Check(encoded.Geo, context.Options);
        }

        context.Geo = encoded.Geo;
        if (runs && context.Model.Preprocessor.Bands(settings.Bands, settings.ValueScaling) is { } bands)
        {
            ReadBands(context, opened, bands);
            return ValueTask.CompletedTask;
        }

        Plan(context, encoded.Size);
        decoder.CheckMemory(encoded.DecodingBytes);
        Hold(context, encoded.DecodingBytes, furtherBytes: 0);
        if (!context.UsesImage && context.Plan is { IsOne: true } plan && context.Model.Manifest.Decode.ScaleOnLoad)
        {
            encoded.ShrinkTo(plan.Whole.Resized);
        }

        context.Image = new RgbImage(encoded.Size);
        encoded.Decode(context.Image.Pixels, context.Cancellation);
        return ValueTask.CompletedTask;
    }

    private void ReadBands(PipelineContext context, Owned<EncodedImage> opened, BandPlan plan)
    {
        EncodedImage encoded = opened.Value;
        if (encoded is { IsTurned: true, IsNarrowed: true })
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                "window, bbox: expected an image whose bands are upright, and the orientation tag of this one turns it. Send it upright.");
        }

        ImageSize size = encoded.BandSize;
        BandSelection selection = BandSelection.Create(plan, encoded, context.UsesImage);
        Plan(context, size);
        int rows = context.Plan.SourceRows;
        if (plan.GivesColors)
        {
            rows = 1;
        }

        long bytes = BandRows.Bytes(encoded, plan, selection, rows);
        decoder.CheckMemory(bytes);
        Hold(context, decoding: 0, bytes);
        if (context.UsesImage || plan.GivesColors)
        {
            context.Image = new RgbImage(size);
        }

        if (context.Model.Manifest.Postprocess.NodataLabel is not null)
        {
            context.Missing = new PooledBuffer<byte>((int)size.Pixels);
        }

        BandSinks sinks = new() { Missing = context.Missing?.Memory ?? default };
        if (!plan.GivesColors && context.UsesImage)
        {
            sinks = sinks with { View = context.Image.Pixels };
        }

        context.Bands = new BandRows(opened.Release(), plan, selection, rows, sinks, context.Cancellation);
        if (plan.GivesColors)
        {
            context.Bands.PaintColors(context.Image.Pixels);
            context.Bands = null;
        }
    }

    private void Plan(PipelineContext context, ImageSize size)
    {
        context.Size = size;
        if (context.Request.Scores is { } scores)
        {
            CheckSize(scores.Size, size);
        }
        else
        {
            PlanRuns(context, size);
        }

        if (context.Crf is { } crf)
        {
            refiner.Check(size, context.Origin.Channels, crf);
        }
    }

    private static void PlanRuns(PipelineContext context, ImageSize size)
    {
        PassSettings passes = context.Passes;
        if (context.Model.Manifest.Preprocess.Resolution is { } wanted && !passes.KeepSize)
        {
            GroundScale scale = ScaleOf(context, size);
            passes = passes with { Zoom = (scale.X / wanted, scale.Y / wanted) };
        }

        context.Plan = context.Model.Preprocessor.Plan(size, passes);
    }

    private static void CheckSize(ImageSize scores, ImageSize image)
    {
        if (scores != image)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, GivenScores.WrongSize(scores, image));
        }
    }

    private static GroundScale ScaleOf(PipelineContext context, ImageSize size)
    {
        if (context.Request.Settings.Resolution is { } metres)
        {
            return new GroundScale(metres, metres);
        }

        return GroundScale.Of(context.Geo, context.Options.Geotransform, size) ?? throw new SegmentationException(
            SegmentationError.UndecodableImage,
            FormattableString.Invariant($"The model wants {context.Model.Manifest.Preprocess.Resolution} metres a pixel, and the file ") +
            "does not say how many metres a pixel of the image covers. Send resolution=METRES, or resize=none to run the image as it is.");
    }

    // Decoding and encoding follow one another, so the larger of them counts; further bytes are there all the time.
    private void Hold(PipelineContext context, long decoding, long furtherBytes)
    {
        long pixels = context.Size.Pixels, input = 0, bytes = furtherBytes;
        if (context.Request.Scores is { } scores)
        {
            bytes += GivenScores.Bytes(scores.Size, scores.Planes);
        }
        else if (context.MakesMask)
        {
            bytes += policy.Afford(context.Model, context.Plan, context.Unrefined.Probabilities, context.WithClaims);
            if (context.Plan.IsOne)
            {
                input = context.Plan.InputPixels;
                // The resized bands and the input.
                bytes += 2 * context.Model.Session.Layout.FurtherBytes(context.Plan.Whole.Bucket);
            }
        }

        long usual = pixels * SchedulingOptions.BytesOfPixel, image = pixels * RgbImage.Channels;
        (long before, long answer) = Answer(context);
        long most = Math.Max(usual, image + Math.Max(decoding, before + answer));
        context.AnswerRoom = most - image - before;
        context.Admitted.HoldPixels(Math.Max(pixels, input), bytes + most - usual);
    }

    // The mask's labels and confidence with the encoder's buffers; the answer.
    private (long Before, long Answer) Answer(PipelineContext context)
    {
        if (context.Request.Output is null)
        {
            return (0, 0);
        }

        MaskFormat format = context.Request.Settings.Format;
        MaskExtent mask = context.Extent;
        EncodingBytes encoding = format.Encoder.Bytes(mask, context.Options);
        policy.CheckAnswer(encoding.Total, Math.Max(encoding.Buffers, encoding.Answer), format.Name);
        if (format.Encoder.HandsOver && context.Request.Output is PooledBufferWriter { TakesTail: true })
        {
            encoding = new EncodingBytes(0, 0); // counted with the mask
        }

        long pixel = mask.LabelBytes + 1;
        if (mask.LabelBytes > 1 && format.UsesPlanes)
        {
            pixel += (mask.Classes / LabelPlane.Others) + 1; // a plane for so many classes
        }

        return ((mask.Pixels * pixel) + encoding.Buffers, encoding.Total - encoding.Buffers);
    }
}
