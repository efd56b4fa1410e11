using InferenceServer.Hosting;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;

namespace InferenceServer.Segment;

/// <summary>Makes the request for admission from what is known before the body is read.</summary>
internal static class AdmissionRequestBinder
{
    /// <summary>Makes the request for admission.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="version">A version that serves; null takes the newest.</param>
    /// <param name="request">The request, whose Content-Length counts.</param>
    /// <param name="settings">The request's settings, with its deadline and priority.</param>
    public static AdmissionRequest Bind(string? model, int? version, HttpRequest request, SegmentSettings settings) =>
        new()
    {
        Model = model,
        Version = version,
        Bytes = Bytes(request),
        Priority = settings.Priority ?? Priority.Interactive,
        Timeout = settings.Timeout,
        Timings = request.HttpContext.Observation().Timings,
        Caller = request.HttpContext.RequestAborted,
    };

    // A form is the image and a little more; the exact overhead is known only after reading.
    private static long Bytes(HttpRequest request)
    {
        long length = request.ContentLength ?? 0;
        if (request.HasFormContentType)
        {
            return Math.Max(length - Limits.MultipartOverhead, 0);
        }

        return length;
    }
}
