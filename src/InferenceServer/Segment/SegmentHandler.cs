using System.Buffers;
using InferenceServer.Errors;
using InferenceServer.Hosting;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Refinement;
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
    public Task<Results<MaskResult, ProblemResult>> AnswerAsync(
        HttpContext http, AdmissionRequest admission, SegmentSettings settings, ImagesReader read) =>
        AnswerAsync(
            http, admission, settings, admitted => admitted.ReadAsync(
                () => read(decoder.Limits.MaxBytes, admitted.HoldBytes, admitted.Cancellation)));

    /// <summary>Answers a request for one mask whose body is read by the endpoint.</summary>
    /// <param name="http">The request.</param>
    /// <param name="admission">The request for admission.</param>
    /// <param name="settings">The request's parameters.</param>
    /// <param name="read">Reads the body of the admitted request.</param>
    public async Task<Results<MaskResult, ProblemResult>> AnswerAsync(
        HttpContext http, AdmissionRequest admission, SegmentSettings settings, Func<AdmittedRequest, Task<RequestImages>> read)
    {
        if (!segmenter.TryAdmit(admission, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        using Owned<MaskResult> result = new(new MaskResult(admitted, settings.Format));
        http.Observation().Admitted(admitted.ModelOrNone);
        result.Value.Lattice = LatticeHeader.Read(http.Request, admitted.Client);
        using RequestImages images = await read(admitted);
        if (images.Background is { } background)
        {
            settings = settings with { Options = settings.Options with { BackgroundImage = background.Written } };
        }

        SegmentationRequest request = new()
        {
            Image = images.Image.Written, Scores = images.Scores, Kernels = images.Kernels, Lattice = result.Value.Lattice,
            Settings = settings, Output = result.Value.Mask,
        };
        (result.Value.Size, result.Value.Georeference) = await SegmentAsync(admitted, request);
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
    public Task<(ImageSize Size, Georeference? Georeference)> SegmentAsync(
        AdmittedRequest admitted, SegmentSettings settings, ReadOnlyMemory<byte> image, PooledBufferWriter mask) =>
        SegmentAsync(admitted, new SegmentationRequest { Image = image, Settings = settings, Output = mask });

    private async Task<(ImageSize Size, Georeference? Georeference)> SegmentAsync(AdmittedRequest admitted, SegmentationRequest request)
    {
        using SegmentationResult result = await segmenter.SegmentAsync(admitted, request);
        return (result.Size, result.Georeference);
    }
}

/// <summary>The header by which a caller who refines an image several times keeps its lattice.</summary>
internal static class LatticeHeader
{
    /// <summary>The header's name.</summary>
    public const string Name = "X-Lattice";

    private const string First = "new";
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>Reads the header of a request.</summary>
    /// <returns>Null where there is none.</returns>
    /// <exception cref="SegmentationException">The header has another value.</exception>
    public static LatticeTicket? Read(HttpRequest request, Client? client)
    {
        string value = request.Headers[Name].ToString();
        if (value.Length == 0)
        {
            return null;
        }

        if (value == First)
        {
            return new LatticeTicket(client, wanted: null);
        }

        if (value.Length == 2 * LatticeTicket.KeyBytes && !value.AsSpan().ContainsAnyExcept(Digits))
        {
            return new LatticeTicket(client, value);
        }

        throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"{Name}: expected {First}, or the value of this header in an earlier answer, got '{value}'.");
    }
}
