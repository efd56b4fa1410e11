using InferenceServer.Errors;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Segment;

/// <summary>The road of a request for a mask, in whatever dialect: let in before its body is read, its place kept until the answer is sent.</summary>
internal sealed class SegmentHandler(Segmenter segmenter, ImageDecoder decoder)
{
    /// <summary>Answers a request for one mask.</summary>
    /// <param name="http">The request.</param>
    /// <param name="arrival">What it says of itself before its body.</param>
    /// <param name="settings">What is wanted.</param>
    /// <param name="read">Reads its image.</param>
    public async Task<Results<MaskResult, ProblemResult>> AnswerAsync(HttpContext http, AdmissionRequest arrival, SegmentSettings settings, ImageReader read)
    {
        // Before the body is read: a full server spends nothing on it.
        if (!segmenter.TryAdmit(arrival, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        PooledBufferWriter mask = new();
        try
        {
            StageTimings timings = http.Observation().Admitted(admitted.Model);
            SegmentationResult result = await SegmentAsync(admitted, settings, read, timings, mask);
            return new MaskResult(admitted, result, settings.Format.MediaType, mask);
        }
        catch
        {
            mask.Dispose();
            admitted.Dispose();
            throw;
        }
    }

    /// <summary>Takes one image from its bytes to its mask.</summary>
    /// <param name="admitted">The request's place, which stays the caller's.</param>
    /// <param name="settings">What is wanted.</param>
    /// <param name="read">Reads the image.</param>
    /// <param name="timings">Gets the time of each stage.</param>
    /// <param name="mask">Takes the answer.</param>
    /// <returns>Size and timings of the result, whose pixels are free again.</returns>
    public async Task<SegmentationResult> SegmentAsync(
        AdmittedRequest admitted, SegmentSettings settings, ImageReader read, StageTimings timings, PooledBufferWriter mask)
    {
        using PooledBufferWriter image = await admitted.ReadAsync(timings, () => read(decoder.Limits.MaxBytes, admitted.HoldBytes, admitted.Cancellation));
        return await SegmentAsync(admitted, settings, image.Written, timings, mask);
    }

    /// <summary>Takes one image that was read before to its mask.</summary>
    /// <inheritdoc cref="SegmentAsync(AdmittedRequest, SegmentSettings, ImageReader, StageTimings, PooledBufferWriter)"/>
    public async Task<SegmentationResult> SegmentAsync(
        AdmittedRequest admitted, SegmentSettings settings, ReadOnlyMemory<byte> image, StageTimings timings, PooledBufferWriter mask)
    {
        SegmentationRequest request = SegmentationRequest.Create(image, settings, admitted.Model.Postprocessor.HasScores, timings);
        using SegmentationResult result = await segmenter.SegmentAsync(admitted, request);
        await segmenter.EncodeAsync(admitted, result, settings.Format, settings.Options, mask);
        return result;
    }
}
