using InferenceServer.Runtime;
using InferenceServer.Runtime.Encoding;

namespace InferenceServer.Segment;

/// <summary>Finds the answer's format: <c>?format=</c> decides, else the Accept header, else an indexed PNG.</summary>
internal static class MaskNegotiation
{
    private static readonly string[] Parameters = ["format", "alpha"];

    /// <exception cref="SegmentationException">A parameter is unknown or out of its range.</exception>
    public static EncodingParameters Parse(HttpRequest request, SegmentQuery query)
    {
        if (request.Query.Keys.FirstOrDefault(k => !Parameters.Contains(k)) is { } unknown)
        {
            throw Invalid($"The query parameter '{unknown}' is not known; there are: {string.Join(", ", Parameters)}.");
        }

        if (query.Alpha is not (null or (>= 0 and <= 1)))
        {
            throw Invalid("alpha: expected a number from 0 to 1.");
        }

        return new EncodingParameters(Format(request, query.Format), query.Alpha ?? 0.5f);
    }

    private static MaskFormat Format(HttpRequest request, string? format) => format switch
    {
        "png" => MaskFormat.Png,
        "overlay" => Accepts(request).Any(a => a == MaskFormat.OverlayJpeg) ? MaskFormat.OverlayJpeg : MaskFormat.Overlay,
        "color" => MaskFormat.Color,
        "raw" => MaskFormat.Raw,
        "json" => MaskFormat.Json,
        "confidence" => MaskFormat.Confidence,
        null => Accepts(request).FirstOrDefault(a => a is not null) ?? MaskFormat.Png,
        _ => throw Invalid($"format: '{format}' is not known; there are: png, overlay, color, raw, json, confidence."),
    };

    // What cannot be had is passed over: a mask is a better answer than 406 to a client that wrote its Accept header carelessly.
    private static IEnumerable<MaskFormat?> Accepts(HttpRequest request) => request.GetTypedHeaders().Accept
        .OrderByDescending(a => a.Quality ?? 1)
        .Select(a => a.MediaType.Value switch
        {
            "image/png" or "image/*" or "*/*" => MaskFormat.Png,
            "image/jpeg" => MaskFormat.OverlayJpeg,
            "application/json" => MaskFormat.Json,
            "application/octet-stream" => MaskFormat.Raw,
            _ => (MaskFormat?)null,
        });

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}
