using System.Globalization;
using System.Text;
using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Reports;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Compare;

/// <summary>The tables and the picture of one comparison.</summary>
internal sealed class CompareReport(
    IReadOnlyList<Window> windows, IReadOnlyDictionary<string, double> agreement, string plain, string mixed)
{
    private readonly Targets _targets = new(windows, plain, mixed);
    private readonly string[] _contenders = [.. windows.Select(w => w.Contender).Distinct()];

    public string Markdown()
    {
        StringBuilder text = new();
        Line(text, $"Measured {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC on {Machine.Describe()}.\n");
        Line(
            text,
            $"| | masks/s {plain} | masks/s {mixed} | CPU ms a mask | p50 / p99 ms at 80 % | resident MB | agrees " +
            "with the server of the same network; the server's int8 with its float32 |");
        Line(text, $"|---|--:|--:|--:|--:|--:|--:|");
        foreach (string contender in _contenders)
        {
            Latency steady = _targets.Latency("steady", contender);
            Line(
                text,
                $"| {contender} | {Throughput(contender, plain)} | {Throughput(contender, mixed)} | " +
                $"{_targets.Cpu(contender):F1} | {(steady.Count == 0 ? "" : $"{steady[50]:F0} / {steady[99]:F0}")} "
                + $"| {windows.Where(w => w.Contender == contender).Max(w => w.Resident) >> 20} | " +
                    $"{(agreement.TryGetValue(contender, out double share) ? $"{100 * share:F2} %" : "")} |");
        }

        Line(
            text,
            "\n| at three times its capacity | offered/s | masks/s | refused | failed or later than 10 s | p50 / " +
            "p99 ms of the accepted | Retry-After |");
        Line(text, $"|---|--:|--:|--:|--:|--:|--:|");
        foreach (IGrouping<string, Window> overload in windows.Where(w => w.Phase == "overload").GroupBy(w => w.Contender))
        {
            Latency latency = new(overload);
            double all = overload.Sum(w => w.Samples.Count);
            double[] retry = [.. overload.SelectMany(w => w.Samples).Where(s => s.RetryAfter is not null).Select(s => s.RetryAfter!.Value)];
            Line(
                text,
                $"| {overload.Key} | {overload.First().Offered:F0} | " +
                $"{Comparison.Median(overload.Select(w => w.Goodput)):F1} | " +
                $"{overload.Sum(w => w.Count(Outcome.Refused)) / all:P0} "
                + $"| {overload.Sum(w => w.Count(Outcome.Failed)) / all:P0} | {latency[50]:F0} / {latency[99]:F0} | " +
                    $"{(retry.Length == 0 ? "" : $"{retry.Min()} to {retry.Max()} s")} |");
        }

        Line(text, $"\n| target | promised | measured | |");
        Line(text, $"|---|--:|--:|---|");
        foreach (Target target in _targets.All())
        {
            Line(
                text,
                $"| {target.Text} | {(target.AtLeast ? "≥" : "≤")} {target.Bound:0.##} | {target.Measured:0.00} | " +
                $"{target.Verdict} |");
        }

        double client = windows.Where(w => w.ClientCpu > TimeSpan.Zero)
            .Sum(w => w.ClientCpu.TotalMilliseconds) / windows.Where(w => w.ClientCpu > TimeSpan.Zero)
            .Sum(w => w.Samples.Count);
        Line(
            text,
            $"\nThe limit is `{_targets.BestRaw(plain, isInt8: true)}` for int8 and `{_targets.BestRaw(plain, isInt8: false)}` for " +
            "float32, the faster of two raw loops each. The load program itself " +
            $"took {client:F2} ms of the same processors for each request.");
        return text.ToString();
    }

    public void Draw(string file)
    {
        Window[] curve = [.. windows.Where(w => w.Phase == "curve")];
        SvgChart chart = new();
        chart.Add("Masks a second", "requests a second offered", "masks/s", Lines(w => w.Goodput));
        chart.Add(
            "Latency of the accepted, p99 (p50 dashed)", "requests a second offered", "ms",
            [.. Lines(w => new Latency([w])[99]), .. Lines(w => new Latency([w])[50], dashed: true)],
            logarithmic: true);
        chart.Save(file);

        IReadOnlyList<Series> Lines(Func<Window, double> value, bool dashed = false) =>
            [
                .. curve.GroupBy(w => w.Contender)
                    .Select(g =>
                        new Series(g.Key, [.. g.OrderBy(w => w.Offered).Select(w => (w.Offered, value(w)))], dashed))
            ];
    }

    private string Throughput(string contender, string photos)
    {
        double[] goodput = [.. _targets.Of("saturation", contender, photos).Select(w => w.Goodput)];
        return goodput.Length == 0
            ? ""
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{Comparison.Median(goodput):F1} ({goodput.Min():F1}–{goodput.Max():F1})");
    }

    private static void Line(StringBuilder text, FormattableString line) =>
        text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
