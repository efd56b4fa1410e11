namespace InferenceServer.Metrics;

/// <summary>Names of instruments and tags as Prometheus wants them: <c>http.server.request.duration</c> in seconds is <c>http_server_request_duration_seconds</c>.</summary>
internal static class PrometheusName
{
    private const string Total = "_total";

    /// <summary>The name of a family, as OpenMetrics means it: with its unit and without <c>_total</c>.</summary>
    /// <param name="name">The instrument's name; ours are such names already.</param>
    /// <param name="unit">Of <see cref="Unit"/>.</param>
    public static string Family(string name, string? unit)
    {
        string family = Sanitize(name);
        family = family.EndsWith(Total, StringComparison.Ordinal) ? family[..^Total.Length] : family;
        return unit is null || family.EndsWith("_" + unit, StringComparison.Ordinal) ? family : $"{family}_{unit}";
    }

    /// <summary>The base unit of a UCUM code; null for counts of things and for ratios, which have none in a name.</summary>
    public static string? Unit(string ucum) => ucum switch
    {
        "s" => "seconds",
        "By" => "bytes",
        _ => null,
    };

    /// <summary>Anything but letters, digits and underscores becomes an underscore.</summary>
    public static string Sanitize(string name) => name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(IsFit)
        ? name
        : string.Concat(name.Select((c, i) => i == 0 && char.IsAsciiDigit(c) ? $"_{c}" : IsFit(c) ? $"{c}" : "_"));

    private static bool IsFit(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';
}
