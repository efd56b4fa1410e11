using System.Globalization;
using System.Text.RegularExpressions;

namespace InferenceServer.Tests.Telemetry;

/// <summary>A page of metrics, read as strictly as its specification is written.</summary>
internal sealed partial class Exposition
{
    private readonly Dictionary<string, double> _samples = [];
    private readonly Dictionary<string, MetricFamily> _families = [];

    public Exposition(string text, bool isOpenMetrics)
    {
        Assert.EndsWith(isOpenMetrics ? "\n# EOF\n" : "\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\r", text, StringComparison.Ordinal);
        MetricFamily family = new();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line == "# EOF")
            {
                break;
            }

            if (Comment().Match(line) is { Success: true } comment)
            {
                family = Describe(family, comment.Groups["kind"].Value, comment.Groups["name"].Value, comment.Groups["rest"].Value);
                continue;
            }

            Match sample = Sample().Match(line);
            Assert.True(sample.Success, line);
            string name = sample.Groups["name"].Value;
            Assert.Contains(name, Names(family.Name, family.Type, isOpenMetrics));
            family.Exemplars += sample.Groups["exemplar"].Success ? 1 : 0;
            string labels = sample.Groups["labels"].Value.Replace("{}", "", StringComparison.Ordinal);
            string[] names = [.. Label().Matches(labels).Select(l => l.Groups["name"].Value)];
            Assert.Distinct(names);
            family.Labels.UnionWith(names);
            Assert.True(_samples.TryAdd(name + labels, Number(sample.Groups["value"].Value)), $"{line} comes twice.");
        }
    }

    public IReadOnlyDictionary<string, MetricFamily> Families => _families;

    public IReadOnlyDictionary<string, double> Samples => _samples;

    public double this[string series] =>
        _samples.TryGetValue(series, out double value)
            ? value
            : throw new KeyNotFoundException($"{series} is not in {string.Join('\n', _samples.Keys)}");

    /// <summary>Every histogram's buckets, by series without <c>le</c>, in the order of the page.</summary>
    public ILookup<string, (double Bound, double Count)> Buckets => _samples.Where(s => LessOrEqual().IsMatch(s.Key)).ToLookup(
        s => LessOrEqual().Replace(s.Key, ""), s => (Number(LessOrEqual().Match(s.Key).Groups["le"].Value), s.Value));

    // The comments of a family stand together, before its samples.
    private MetricFamily Describe(MetricFamily current, string kind, string name, string text)
    {
        if (kind == "TYPE")
        {
            Assert.True(_families.TryAdd(name, new MetricFamily { Name = name, Type = text }), $"{name} comes twice.");
            return _families[name];
        }

        Assert.Equal(current.Name, name);
        (current.Unit, current.Help) = kind == "UNIT" ? (text, current.Help) : (current.Unit, text);
        return current;
    }

    private static IEnumerable<string> Names(string family, string type, bool isOpenMetrics) => type switch
    {
        "counter" => isOpenMetrics ? [family + "_total", family + "_created"] : [family],
        "histogram" =>
            [
                family + "_bucket", family + "_sum", family + "_count",
                .. isOpenMetrics ? [family + "_created"] : Array.Empty<string>()
            ],
        _ => [family],
    };

    private static double Number(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        _ => double.Parse(text, CultureInfo.InvariantCulture),
    };

    [GeneratedRegex(@"^# (?<kind>TYPE|HELP|UNIT) (?<name>[a-zA-Z_][a-zA-Z0-9_]*) (?<rest>.+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Comment();

    [GeneratedRegex(
        """^(?<name>[a-zA-Z_][a-zA-Z0-9_]*)(?<labels>\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\"n])*",?)*(?<!,)\})? """ +
        """(?<value>\S+)(?<exemplar> # \{trace_id="[0-9a-f]{32}",span_id="[0-9a-f]{16}"\} \S+ \d+(\.\d+)?)?$""",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Sample();

    [GeneratedRegex("""(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="([^"\\\n]|\\[\\"n])*""", RegexOptions.ExplicitCapture)]
    private static partial Regex Label();

    [GeneratedRegex(""",?le="(?<le>[^"]+)".""", RegexOptions.ExplicitCapture)]
    private static partial Regex LessOrEqual();
}
