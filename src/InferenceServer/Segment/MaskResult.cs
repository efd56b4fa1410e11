using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Segment;

/// <summary>Sends a mask with the headers that say what made it and where the time went.</summary>
internal static class MaskResult
{
    public static async Task WriteAsync(HttpResponse response, SegmentationResult result, string contentType, PooledBufferWriter mask, CancellationToken cancellationToken)
    {
        response.ContentType = contentType;
        response.ContentLength = mask.Written.Length;
        response.Headers["X-Model"] = result.Model.Name;
        response.Headers["X-Model-Version"] = result.Model.Version.ToString(CultureInfo.InvariantCulture);
        response.Headers["X-Image-Width"] = result.Labels.Size.Width.ToString(CultureInfo.InvariantCulture);
        response.Headers["X-Image-Height"] = result.Labels.Size.Height.ToString(CultureInfo.InvariantCulture);
        response.Headers["Server-Timing"] = Timing(result.Timings);
        await response.BodyWriter.WriteAsync(mask.Written, cancellationToken);
    }

    private static string Timing(StageTimings timings) => string.Join(
        ", ",
        StageTimings.Stages.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.ToString().ToLowerInvariant()};dur={timings[s].TotalMilliseconds:F2}")));
}
