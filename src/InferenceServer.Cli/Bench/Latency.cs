namespace InferenceServer.Cli.Bench;

/// <summary>A distribution of times, in milliseconds.</summary>
/// <param name="MeanMs">Mean.</param>
/// <param name="P50Ms">Median.</param>
/// <param name="P90Ms">90th percentile.</param>
/// <param name="P99Ms">99th percentile.</param>
/// <param name="MaxMs">Longest.</param>
internal sealed record Latency(double MeanMs, double P50Ms, double P90Ms, double P99Ms, double MaxMs)
{
    /// <summary>Summarises at least one time.</summary>
    public static Latency Of(IEnumerable<TimeSpan> times)
    {
        double[] ms = [.. times.Select(t => t.TotalMilliseconds)];
        return new Latency(ms.Average(), Percentile(ms, 0.5), Percentile(ms, 0.9), Percentile(ms, 0.99), ms.Max());
    }

    /// <summary>The value below which <paramref name="share"/> of the values lie; linear between neighbours, as numpy has it.</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        double position = share * (sorted.Length - 1);
        int lower = (int)position;
        int upper = Math.Min(lower + 1, sorted.Length - 1);
        return sorted[lower] + ((position - lower) * (sorted[upper] - sorted[lower]));
    }
}
