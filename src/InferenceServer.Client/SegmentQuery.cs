namespace InferenceServer.Client;

/// <summary>What is wanted of a photograph.</summary>
public sealed record SegmentQuery
{
    /// <summary>The model's name; null takes the server's default.</summary>
    public string? Model { get; init; }

    /// <summary>A version that serves; null takes the newest.</summary>
    public int? Version { get; init; }

    /// <summary>png, overlay, overlay-jpeg, color, raw, json, confidence, coco-rle, polygons, geojson, masks, npy or npy-probabilities.</summary>
    public string Format { get; init; } = "png";

    /// <summary>All other parameters of <c>POST /v1/segment</c>, by name: <c>refine</c>, <c>mode</c>, <c>tolerance</c> and so on.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <exception cref="ArgumentException">A version without a model.</exception>
    internal Uri ToUri()
    {
        string path = (Model, Version) switch
        {
            (null, null) => "v1/segment",
            ({ } model, null) => $"v1/segment/{Uri.EscapeDataString(model)}",
            ({ } model, { } version) => FormattableString.Invariant($"v1/segment/{Uri.EscapeDataString(model)}/versions/{version}"),
            _ => throw new ArgumentException("A version is that of a model; name it, too."),
        };
        IEnumerable<string> query = Parameters.Prepend(KeyValuePair.Create("format", Format)).Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value)}");
        return new Uri($"{path}?{string.Join('&', query)}", UriKind.Relative);
    }
}
