namespace InferenceServer.LoadTests.Traffic;

/// <summary>Percentiles of the accepted requests of some windows, from when each was due; nearest rank.</summary>
internal sealed class Latency
{
    private readonly double[] _ms;

    public Latency(IEnumerable<Window> windows) =>
        _ms =
        [
            .. windows.SelectMany(w => w.Samples.Where(s => s.Outcome == Outcome.Accepted && s.Scheduled >= w.Ramp))
                .Select(s => s.LatencyMs)
                .Order()
        ];

    public int Count => _ms.Length;

    public double this[double percentile] =>
        _ms.Length == 0
            ? double.NaN
            : _ms[Math.Clamp((int)Math.Ceiling(percentile / 100 * _ms.Length) - 1, 0, _ms.Length - 1)];
}
