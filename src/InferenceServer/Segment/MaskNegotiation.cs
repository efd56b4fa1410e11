using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Encoding;

namespace InferenceServer.Segment;

/// <summary>Finds the answer's format: <c>?format=</c> decides, else the Accept header, else an indexed PNG.</summary>
internal static class MaskNegotiation
{
    /// <summary>What <c>?format=</c> takes.</summary>
    public static readonly string[] Formats = ["png", "overlay", "color", "raw", "json", "confidence"];

    private const float DefaultAlpha = 0.5f;
    private static readonly string[] Parameters =
    [
        "format", "alpha", "timeout", "priority", "mode", "resize", "crop", "stride_rate", "scales", "flip", "fuse", "refine", "crf.iterations", "crf.gaussian.weight", "crf.gaussian.xy", "crf.bilateral.weight", "crf.bilateral.xy", "crf.bilateral.rgb", "crf.quality",
    ];

    /// <exception cref="SegmentationException">A parameter is unknown or out of its range.</exception>
    public static EncodingParameters Parse(HttpRequest request, SegmentQuery query)
    {
        if (request.Query.Keys.FirstOrDefault(k => !Parameters.Contains(k)) is { } unknown)
        {
            throw Invalid($"The query parameter '{unknown}' is not known; there are: {string.Join(", ", Parameters)}.");
        }

        return new EncodingParameters(Format(request, query.Format), Alpha(query.Alpha));
    }

    private static float Alpha(string? alpha)
    {
        if (alpha is null)
        {
            return DefaultAlpha;
        }

        return float.TryParse(alpha, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && value is >= 0 and <= 1
            ? value
            : throw Invalid($"alpha: '{alpha}' is no number from 0 to 1.");
    }

    private static MaskFormat Format(HttpRequest request, string? format) => format switch
    {
        "png" => MaskFormat.Png,
        "overlay" => Accepts(request).FirstOrDefault(a => a is MaskFormat.Png or MaskFormat.OverlayJpeg) is MaskFormat.OverlayJpeg ? MaskFormat.OverlayJpeg : MaskFormat.Overlay,
        "color" => MaskFormat.Color,
        "raw" => MaskFormat.Raw,
        "json" => MaskFormat.Json,
        "confidence" => MaskFormat.Confidence,
        null => Accepts(request).FirstOrDefault(a => a is not null) ?? MaskFormat.Png,
        _ => throw Invalid($"format: '{format}' is not known; there are: {string.Join(", ", Formats)}."),
    };

    // What cannot be had is passed over: a mask is a better answer than 406 to a client that wrote its Accept header carelessly.
    private static IEnumerable<MaskFormat?> Accepts(HttpRequest request) => request.GetTypedHeaders().Accept
        .Where(a => a.Quality is not 0)
        .OrderByDescending(a => a.Quality ?? 1)
        .Select(a => a.MediaType.Value?.ToLowerInvariant() switch
        {
            "image/png" or "image/*" or "*/*" => MaskFormat.Png,
            "image/jpeg" => MaskFormat.OverlayJpeg,
            "application/json" => MaskFormat.Json,
            "application/octet-stream" => MaskFormat.Raw,
            _ => (MaskFormat?)null,
        });

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}
