namespace InferenceServer.Client;

/// <summary>Model, format and other parameters of a request.</summary>
public sealed class SegmentQuery
{
    /// <summary>The model's name; null takes the server's default model.</summary>
    public string? Model { get; init; }

    /// <summary>The model's version; null takes the newest. Needs <see cref="Model"/>.</summary>
    public int? Version { get; init; }

    /// <summary>The output format: png, overlay, overlay-jpeg, color, raw, json, confidence, coco-rle, polygons,
    /// geojson, geotiff, cog, gpkg, masks, npy, npy-probabilities, alpha, cutout, probability or view.</summary>
    public string Format { get; init; } = "png";

    /// <summary>Other parameters of <c>POST /v1/segment</c> by name, such as <c>refine</c>, <c>mode</c> or
    /// <c>tolerance</c>.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <exception cref="ArgumentException">There is a version but no model.</exception>
    internal Uri ToUri()
    {
        string path = (Model, Version) switch
        {
            (null, null) => "v1/segment",
            ({ } model, null) => $"v1/segment/{Uri.EscapeDataString(model)}",
            ({ } model, { } version) => FormattableString.Invariant(
                $"v1/segment/{Uri.EscapeDataString(model)}/versions/{version}"),
            _ => throw new ArgumentException("Expected a model beside a version, got none. Set Model."),
        };
        IEnumerable<string> query = Parameters.Prepend(KeyValuePair.Create("format", Format))
            .Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value)}");
        return new Uri($"{path}?{string.Join('&', query)}", UriKind.Relative);
    }
}
