using InferenceServer.Errors;
using InferenceServer.Hosting;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Segment;

/// <summary>Answers requests for masks in every dialect: admits a request before its body is read, and keeps it
/// admitted until the answer is sent.</summary>
internal sealed class SegmentHandler(Segmenter segmenter, ImageDecoder decoder)
{
    /// <summary>Answers a request for one mask.</summary>
    /// <param name="http">The request.</param>
    /// <param name="admission">The request for admission.</param>
    /// <param name="settings">The request's parameters.</param>
    /// <param name="read">Reads the request's image.</param>
    public Task<Results<MaskResult, ProblemResult>> AnswerAsync(
        HttpContext http, AdmissionRequest admission, SegmentSettings settings, ImageReader read) =>
        AnswerAsync(http, admission, settings, async (maxBytes, hold, ct) => new RequestImages(await read(maxBytes, hold, ct)));

    /// <summary>Answers a request for one mask that may have a background, too.</summary>
    /// <param name="http">The request.</param>
    /// <param name="admission">The request for admission.</param>
    /// <param name="settings">The request's parameters.</param>
    /// <param name="read">Reads the request's images.</param>
    public async Task<Results<MaskResult, ProblemResult>> AnswerAsync(
        HttpContext http, AdmissionRequest admission, SegmentSettings settings, ImagesReader read)
    {
        if (!segmenter.TryAdmit(admission, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        using Owned<MaskResult> result = new(new MaskResult(admitted, settings.Format));
        http.Observation().Admitted(admitted.Model);
        using RequestImages images = await admitted.ReadAsync(
            () => read(decoder.Limits.MaxBytes, admitted.HoldBytes, admitted.Cancellation));
        if (images.Background is { } background)
        {
            settings = settings with { Options = settings.Options with { BackgroundImage = background.Written } };
        }

        (result.Value.Size, result.Value.Georeference) = await SegmentAsync(
            admitted, settings, images.Image.Written, result.Value.Mask);
        if (Compression.Choose(http, settings.Format.MediaType) is { } compression)
        {
            await segmenter.ComputeAsync(
                admitted, Stage.Encode, () => result.Value.Compress(compression, admitted.Cancellation));
        }

        return result.Release();
    }

    /// <summary>Refuses a body that is announced as longer than an image may be; for routes that read its start before
    /// admission.</summary>
    /// <exception cref="SegmentationException">The body is too long.</exception>
    public void CheckLength(HttpRequest request)
    {
        if (request.ContentLength > decoder.Limits.MaxBytes)
        {
            throw BodyReader.TooLarge("The request", decoder.Limits.MaxBytes);
        }
    }

    /// <summary>Reads the image of an admitted request.</summary>
    /// <returns>The encoded image; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The image is too large or missing, or the request's time is
    /// up.</exception>
    public Task<PooledBufferWriter> ReadAsync(AdmittedRequest admitted, ImageReader read) =>
        admitted.ReadAsync(() => read(decoder.Limits.MaxBytes, admitted.HoldBytes, admitted.Cancellation));

    /// <summary>Segments one image.</summary>
    /// <param name="admitted">The admitted request, which the caller owns.</param>
    /// <param name="settings">The request's parameters.</param>
    /// <param name="image">The encoded image.</param>
    /// <param name="mask">Receives the encoded mask.</param>
    /// <returns>The mask's size and place on the map; the pixels are freed.</returns>
    /// <exception cref="SegmentationException">The request failed.</exception>
    public async Task<(ImageSize Size, Georeference? Georeference)> SegmentAsync(
        AdmittedRequest admitted, SegmentSettings settings, ReadOnlyMemory<byte> image, PooledBufferWriter mask)
    {
        SegmentationRequest request = new() { Image = image, Settings = settings, Output = mask };
        using SegmentationResult result = await segmenter.SegmentAsync(admitted, request);
        return (result.Size, result.Georeference);
    }
}
