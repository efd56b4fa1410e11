using System.Globalization;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;

namespace InferenceServer.Segment;

/// <summary>What a request says of itself before its body: how long it may take, who waits for it, and how many bytes it has.</summary>
internal static class AdmissionRequestBinder
{
    /// <summary>What <c>?priority=</c> takes.</summary>
    public static readonly string[] Priorities = ["interactive", "batch"];

    private const string TimeoutHeader = "X-Request-Timeout-Ms";
    private const string PriorityHeader = "X-Priority";

    /// <inheritdoc cref="Parse(string?, int?, HttpRequest, SegmentQuery)"/>
    public static AdmissionRequest Parse(string? model, HttpRequest request) => Parse(model, version: null, request, default);

    /// <exception cref="SegmentationException">A time that is none, or a class that is not known.</exception>
    public static AdmissionRequest Parse(string? model, int? version, HttpRequest request, SegmentQuery query)
    {
        TimeSpan? asked = Timeout("timeout", query.Timeout), told = Timeout(TimeoutHeader, request.Headers[TimeoutHeader]);
        return new AdmissionRequest
        {
            Model = model,
            Version = version,
            Bytes = Bytes(request),
            Priority = query.Priority is null ? Priority(PriorityHeader, request.Headers[PriorityHeader]) : Priority("priority", query.Priority),
            Timeout = asked is null || told < asked ? told : asked,
            Caller = request.HttpContext.RequestAborted,
        };
    }

    // A form is the image and a little more; how much more is known only once it was read.
    private static long Bytes(HttpRequest request)
    {
        long length = request.ContentLength ?? 0;
        return request.HasFormContentType ? Math.Max(length - Limits.MultipartOverhead, 0) : length;
    }

    private static TimeSpan? Timeout(string key, string? text)
    {
        if (text is null)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds) && milliseconds > 0
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw Invalid(key, text, $"milliseconds, a whole number from 1 to {int.MaxValue}");
    }

    private static Priority Priority(string key, string? text) => text switch
    {
        null or "interactive" => Runtime.Admission.Priority.Interactive,
        "batch" => Runtime.Admission.Priority.Background,
        _ => throw Invalid(key, text, string.Join(" or ", Priorities)),
    };

    private static SegmentationException Invalid(string key, string value, string expected) =>
        new(SegmentationError.InvalidRequest, $"{key}: expected {expected}, found '{value}'.");
}
