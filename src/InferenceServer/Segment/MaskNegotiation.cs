using System.Globalization;
using System.Numerics;
using System.Reflection;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Formats;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>Finds the answer's format: <c>?format=</c> decides, else the Accept header, else an indexed PNG.</summary>
internal static class MaskNegotiation
{
    /// <summary>What <c>?format=</c> takes.</summary>
    public static readonly string[] Formats = [.. MaskFormats.All.Select(f => f.Word)];

    /// <summary>What <c>?counts=</c> takes.</summary>
    public static readonly string[] Counts = ["compressed", "uncompressed"];

    /// <summary>What answers come as.</summary>
    public static readonly string[] ContentTypes =
        ["image/png", "image/jpeg", "application/octet-stream", "application/json", "application/geo+json", "application/zip", "application/x-npy"];

    private const float DefaultAlpha = 0.5f;
    private const double MaxTolerance = 1000;
    private static readonly string[] Parameters = [.. typeof(SegmentQuery).GetProperties().Select(p => p.GetCustomAttribute<FromQueryAttribute>()!.Name!)];

    /// <summary>Refuses a query with a parameter that is none of <see cref="SegmentQuery"/>'s, nor of the endpoint's own.</summary>
    /// <exception cref="SegmentationException">A parameter is unknown.</exception>
    public static void CheckNames(HttpRequest request, params ReadOnlySpan<string> others)
    {
        foreach (string key in request.Query.Keys)
        {
            if (!Parameters.Contains(key) && !others.Contains(key))
            {
                throw Invalid($"The query parameter '{key}' is not known; there are: {string.Join(", ", Parameters)}.");
            }
        }
    }

    /// <param name="query">The parameters.</param>
    /// <param name="accept">The Accept header; empty where it is not the mask that it describes.</param>
    /// <exception cref="SegmentationException">A parameter is out of its range.</exception>
    public static EncodingParameters Parse(SegmentQuery query, IList<MediaTypeHeaderValue> accept) => new(Format(accept, query.Format), Number("alpha", query.Alpha, DefaultAlpha, most: 1))
    {
        Uncompressed = query.Counts switch
        {
            null or "compressed" => false,
            "uncompressed" => true,
            _ => throw Invalid($"counts: expected {string.Join(" or ", Counts)}, found '{query.Counts}'."),
        },
        Tolerance = Number("tolerance", query.Tolerance, 0d, MaxTolerance),
        Geotransform = Transform(query),
    };

    private static T Number<T>(string key, string? text, T usual, T most)
        where T : struct, INumber<T> => text is null ? usual
        : T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && value >= T.Zero && value <= most ? value
        : throw Invalid(string.Create(CultureInfo.InvariantCulture, $"{key}: '{text}' is no number from 0 to {most}."));

    private static Geotransform? Transform(SegmentQuery query) => (query.Geotransform, query.WorldFile) switch
    {
        (null, null) => null,
        ({ } gdal, null) => Geotransform.FromGdal(Numbers(gdal)) ?? throw NoTransform("geotransform", gdal),
        (null, { } world) => Geotransform.FromWorldFile(Numbers(world)) ?? throw NoTransform("worldfile", world),
        _ => throw Invalid("geotransform and worldfile say the same thing; send one of them."),
    };

    private static double[] Numbers(string text) =>
        [.. text.Split([',', ' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(n => double.TryParse(n, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN)];

    private static SegmentationException NoTransform(string key, string value) =>
        Invalid($"{key}: expected six numbers that map the image to an area, separated by commas, found '{value}'.");

    private static MaskFormat Format(IList<MediaTypeHeaderValue> accept, string? format) => format switch
    {
        null => Accepted(accept).FirstOrDefault(a => a is not null) ?? MaskFormat.Png,
        "overlay" => Accepted(accept).FirstOrDefault(a => a is MaskFormat.Png or MaskFormat.OverlayJpeg) is MaskFormat.OverlayJpeg ? MaskFormat.OverlayJpeg : MaskFormat.Overlay,
        { } word when Formats.Contains(word) => MaskFormats.All.First(f => f.Word == word).Format,
        _ => throw Invalid($"format: '{format}' is not known; there are: {string.Join(", ", Formats)}."),
    };

    // What cannot be had is passed over: a mask is a better answer than 406 to a client that wrote its Accept header carelessly.
    private static IEnumerable<MaskFormat?> Accepted(IList<MediaTypeHeaderValue> accept) => accept
        .Where(a => a.Quality is not 0)
        .OrderByDescending(a => a.Quality ?? 1)
        .Select(a => a.MediaType.Value?.ToLowerInvariant() switch
        {
            "image/png" or "image/*" or "*/*" => MaskFormat.Png,
            "image/jpeg" => MaskFormat.OverlayJpeg,
            "application/json" => MaskFormat.Json,
            "application/octet-stream" => MaskFormat.Raw,
            "application/geo+json" => MaskFormat.GeoJson,
            "application/zip" => MaskFormat.Masks,
            NpyHeader.ContentType => MaskFormat.Npy,
            _ => (MaskFormat?)null,
        });

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}
