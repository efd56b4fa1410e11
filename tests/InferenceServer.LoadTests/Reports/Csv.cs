using System.Globalization;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Reports;

/// <summary>Everything that was seen, for who wants to draw another picture of it.</summary>
internal static class Csv
{
    /// <summary>One line a window.</summary>
    public static void WriteSummary(string file, IEnumerable<Window> windows) => File.WriteAllLines(file, windows.Select(Summary).Prepend(
        "contender,phase,photos,round,offered_per_s,length_s,accepted,refused,failed,goodput_per_s,p50_ms,p90_ms," +
        "p95_ms,p99_ms,max_ms,cpu_ms_per_request,client_cpu_ms_per_request,allocated_bytes_per_request," +
        "resident_bytes,retry_after_min_s,retry_after_max_s"));

    /// <summary>One line a second of each window, by when answers came.</summary>
    public static void WriteSeconds(string file, IEnumerable<Window> windows) =>
        File.WriteAllLines(file, windows.SelectMany(Seconds).Prepend(
        "contender,phase,photos,round,second,accepted,refused,failed,mean_ms,max_ms"));

    private static string Summary(Window w)
    {
        Latency latency = new([w]);
        double[] retry = [.. w.Samples.Where(s => s.RetryAfter is not null).Select(s => s.RetryAfter!.Value)];
        return Line(
            w.Contender, w.Phase, w.Photos, w.Round, w.Offered, w.Length, w.Count(Outcome.Accepted),
            w.Count(Outcome.Refused), w.Count(Outcome.Failed), w.Goodput,
            latency[50], latency[90], latency[95], latency[99], latency[100], w.CpuMsPerRequest,
            w.ClientCpu.TotalMilliseconds / Math.Max(1, w.Samples.Count),
            w.AllocatedPerRequest, w.Resident, retry.Length == 0 ? null : retry.Min(), retry.Length == 0 ? null : retry.Max());
    }

    private static IEnumerable<string> Seconds(Window w) => w.Samples.GroupBy(s => (int)s.Ended).OrderBy(g => g.Key).Select(second =>
    {
        double[] accepted = [.. second.Where(s => s.Outcome == Outcome.Accepted).Select(s => s.LatencyMs)];
        return Line(
            w.Contender, w.Phase, w.Photos, w.Round, second.Key, accepted.Length, second.Count(s => s.Outcome == Outcome.Refused),
            second.Count(s => s.Outcome == Outcome.Failed), accepted.Length == 0
                ? null
                : accepted.Average(), accepted.Length == 0
                ? null
                : accepted.Max());
    });

    private static string Line(params object?[] values) => string.Join(',', values.Select(v => v switch
    {
        double number => number.ToString("0.###", CultureInfo.InvariantCulture),
        _ => Convert.ToString(v, CultureInfo.InvariantCulture),
    }));
}
