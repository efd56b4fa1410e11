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

    /// <summary><c>new</c> keeps the lattice of a refinement by the CRF for the next request on the same image, and the key of
    /// an answer (<see cref="MaskAnswer.Lattice"/>) uses it. Null keeps none.</summary>
    public string? Lattice { get; init; }

    /// <exception cref="ArgumentException">There is a version.</exception>
    internal Uri ToUri(string path, string what)
    {
        if (Version is not null)
        {
            throw new ArgumentException($"Expected no version for {what}, which uses the newest, got one. Leave Version out.");
        }

        return ToUri(path, Format, Model is null ? Parameters : new Dictionary<string, string>(Parameters) { ["model"] = Model });
    }

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
        return ToUri(path, Format, Parameters);
    }

    internal static Uri ToUri(string path, string format, IReadOnlyDictionary<string, string> parameters)
    {
        IEnumerable<string> query = parameters.Prepend(KeyValuePair.Create("format", format))
            .Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value)}");
        return new Uri($"{path}?{string.Join('&', query)}", UriKind.Relative);
    }
}

/// <summary>What another tool made of an image, and the parameters of its refinement. It needs <see cref="Probabilities"/> or
/// <see cref="LabelMap"/>.</summary>
public sealed class RefineRequest
{
    /// <summary>A NumPy file (<c>.npy</c>) of float32 or float16, [classes, height, width] at the image's size; one class is the
    /// foreground of two. Energies in nats with the parameter <c>energies</c>. Empty where there is a label map.</summary>
    public ReadOnlyMemory<byte> Probabilities { get; init; }

    /// <summary>A grey or indexed PNG of class indices; 255 is void. Empty where there are probabilities.</summary>
    public ReadOnlyMemory<byte> LabelMap { get; init; }

    /// <summary>One to four kernels as JSON; null takes the two that <c>crf.gaussian</c> and <c>crf.bilateral</c> are about.</summary>
    public string? Kernels { get; init; }

    /// <summary>The output format, as of <see cref="SegmentQuery"/>; npy-probabilities has the refined probabilities.</summary>
    public string Format { get; init; } = "png";

    /// <summary>Other parameters of <c>POST /v1/refine</c> by name, such as <c>crf.iterations</c>, <c>classes</c> or
    /// <c>energies</c>.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>As of <see cref="SegmentQuery.Lattice"/>.</summary>
    public string? Lattice { get; init; }

    internal Uri ToUri() => SegmentQuery.ToUri("v1/refine", Format, Parameters);

    /// <exception cref="ArgumentException">There are neither probabilities nor labels, or both.</exception>
    internal MultipartFormDataContent ToForm(ReadOnlyMemory<byte> image)
    {
        if (Probabilities.IsEmpty == LabelMap.IsEmpty)
        {
            throw new ArgumentException("Expected either Probabilities or LabelMap. Set one of them.");
        }

        MultipartFormDataContent form = new() { { new ReadOnlyMemoryContent(image), "image", "image" } };
        if (!Probabilities.IsEmpty)
        {
            form.Add(new ReadOnlyMemoryContent(Probabilities), "probabilities", "probabilities.npy");
        }
        else
        {
            form.Add(new ReadOnlyMemoryContent(LabelMap), "label_map", "labels.png");
        }

        if (Kernels is not null)
        {
            form.Add(new StringContent(Kernels), "kernels");
        }

        return form;
    }
}
