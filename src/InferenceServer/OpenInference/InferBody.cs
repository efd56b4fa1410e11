using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.OpenInference;

/// <summary>Reads the body of an infer request, decompressed, and the header that says where its JSON ends.</summary>
internal static class InferBody
{
    /// <summary>Bytes of JSON before the tensors; of the decompressed body.</summary>
    public const string HeaderLength = "Inference-Header-Content-Length";

    private const int BufferSize = 64 * 1024;
    private const int LargestBufferAtOnce = 1 << 20;

    /// <summary>What the header says; null where there is none.</summary>
    /// <exception cref="SegmentationException">It is no length.</exception>
    public static int? JsonLength(HttpRequest request) => request.Headers[HeaderLength] switch
    {
        [] => null,
        [{ } text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) => length,
        _ => throw new SegmentationException(SegmentationError.InvalidRequest, $"{HeaderLength}: expected one number of bytes, 0 or more."),
    };

    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Most bytes, after decompression.</param>
    /// <param name="admitted">Holds the bytes as they come.</param>
    /// <param name="timings">Gets the time.</param>
    /// <returns>The bytes, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Too large, or compressed in a way that is not known or not whole.</exception>
    public static async Task<PooledBufferWriter> ReadAsync(HttpRequest request, int maxBytes, AdmittedRequest admitted, StageTimings timings)
    {
        // What the framework could decompress has lost this header.
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity")
        {
            throw new SegmentationException(SegmentationError.UnsupportedMediaType, $"{HeaderNames.ContentEncoding} '{encoding}' is not known; there are: gzip, deflate, br.");
        }

        using StageTimings.Scope reading = timings.Measure(Stage.Read);
        PooledBufferWriter body = new((int)Math.Min(request.ContentLength + 1 ?? BufferSize, LargestBufferAtOnce));
        try
        {
            while (await request.Body.ReadAsync(body.GetMemory(), admitted.Cancellation) is > 0 and int count)
            {
                body.Advance(count);
                if (body.Written.Length > maxBytes)
                {
                    throw new SegmentationException(SegmentationError.PayloadTooLarge, $"The request has more than {maxBytes:N0} bytes, the most that is accepted.");
                }

                admitted.HoldBytes(body.Written.Length);
            }

            return body;
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException) // the latter is what Brotli throws
        {
            body.Dispose();
            throw new SegmentationException(SegmentationError.InvalidRequest, "The body is compressed, but not whole: " + e.Message, e);
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            body.Dispose();
            throw admitted.Late(Stage.Read);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }
}
