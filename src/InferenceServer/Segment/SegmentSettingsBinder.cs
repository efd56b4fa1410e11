using InferenceServer.Auth;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Parameters;
using InferenceServer.Telemetry;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>Reads a request's settings from query and headers. <c>?format=</c> chooses the format, else the Accept
/// header, else indexed PNG.</summary>
internal static class SegmentSettingsBinder
{
    /// <summary>Header beside <c>?timeout=</c>; the shorter timeout counts.</summary>
    public const string TimeoutHeader = "X-Request-Timeout-Ms";

    /// <summary>Header beside <c>?priority=</c>; the query takes precedence.</summary>
    public const string PriorityHeader = "X-Priority";

    /// <summary>Reads the settings of a request with one image.</summary>
    /// <param name="request">The request.</param>
    /// <param name="others">The endpoint's own parameters, which are not settings.</param>
    /// <exception cref="SegmentationException">A parameter is unknown, or its value is not allowed.</exception>
    public static SegmentSettings Bind(HttpRequest request, params ReadOnlySpan<string> others) =>
        WithFormat(request, BindMany(request, others));

    /// <summary>Reads the settings of a request that refines given scores.</summary>
    /// <exception cref="SegmentationException">A parameter is unknown, or its value is not allowed.</exception>
    public static SegmentSettings BindRefinement(HttpRequest request) =>
        WithFormat(request, BindQuery(request, RequestParameters.OfRefinement, []));

    private static SegmentSettings WithFormat(HttpRequest request, SegmentSettings settings)
    {
        MaskFormat[] accepted = [.. Accepted(request.GetTypedHeaders().Accept)];
        if (!request.Query.ContainsKey("format"))
        {
            return settings with { Format = accepted.FirstOrDefault(MaskFormat.Png) };
        }

        bool prefersJpeg = accepted.FirstOrDefault(f => f == MaskFormat.Png || f == MaskFormat.OverlayJpeg) == MaskFormat.OverlayJpeg;
        if (settings.Format == MaskFormat.Overlay && prefersJpeg)
        {
            return settings with { Format = MaskFormat.OverlayJpeg };
        }

        return settings;
    }

    /// <summary>Reads the settings of a request with many images, whose Accept header is about the stream of
    /// answers.</summary>
    /// <inheritdoc cref="Bind"/>
    public static SegmentSettings BindMany(HttpRequest request, params ReadOnlySpan<string> others) =>
        BindQuery(request, RequestParameters.All, others);

    private static SegmentSettings BindQuery(
        HttpRequest request, IReadOnlyList<RequestParameter> parameters, params ReadOnlySpan<string> others)
    {
        SegmentSettings settings = BindHeaders(request);
        TimeSpan? headerTimeout = settings.Timeout;
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in request.Query)
        {
            if (!others.Contains(name))
            {
                settings = Apply(parameters, settings, name, values.ToString());
            }
        }

        if (headerTimeout < settings.Timeout)
        {
            return settings with { Timeout = headerTimeout };
        }

        return settings;
    }

    /// <summary>Reads deadline and priority from the headers alone, for protocols whose parameters are not in the
    /// query.</summary>
    /// <exception cref="SegmentationException">A header's value is not allowed.</exception>
    public static SegmentSettings BindHeaders(HttpRequest request)
    {
        SegmentSettings settings = SegmentSettings.Default;
        foreach ((string header, string parameter) in ((string, string)[])[(TimeoutHeader, "timeout"), (PriorityHeader, "priority")])
        {
            if (request.Headers.TryGetValue(header, out Microsoft.Extensions.Primitives.StringValues values))
            {
                settings = RequestParameters.Find(parameter)!.Apply(settings, values.ToString(), header);
            }
        }

        return settings;
    }

    /// <summary>Puts a parameter's value into settings.</summary>
    /// <exception cref="SegmentationException">The parameter is unknown, or its value is not allowed.</exception>
    public static SegmentSettings Apply(SegmentSettings settings, string name, string value) =>
        Apply(RequestParameters.All, settings, name, value);

    private static SegmentSettings Apply(
        IReadOnlyList<RequestParameter> parameters, SegmentSettings settings, string name, string value)
    {
        RequestParameter parameter = parameters.FirstOrDefault(p => p.Name == name) ?? throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"Unknown query parameter '{name}'. Expected one of: {string.Join(", ", parameters.Select(p => p.Name))}.");
        return parameter.Apply(settings, value);
    }

    // Unknown media types are ignored: a mask helps a client with a careless Accept header more than 406.
    private static IEnumerable<MaskFormat> Accepted(IList<MediaTypeHeaderValue> accept) =>
        from type in accept
        where type.Quality is not 0
        orderby type.Quality ?? 1 descending
        let format = MaskFormat.All.FirstOrDefault(f => f.Accept.Contains(type.MediaType.Value?.ToLowerInvariant()))
        where format is not null
        select format;
}

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
        Client = Caller.Client(request.HttpContext),
        Body = PacedBody.Of(request.HttpContext),
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
