namespace InferenceServer.LoadTests.Traffic;

/// <summary>One request, in seconds since the beginning of its window.</summary>
/// <param name="Scheduled">When it should have been sent; latency counts from here, so a stalled client or server cannot hide it.</param>
/// <param name="Ended">When the last byte of the answer was here.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Status">HTTP status, 0 where there was none.</param>
/// <param name="RetryAfter">Seconds that the server asked to wait.</param>
internal readonly record struct Sample(double Scheduled, double Ended, Outcome Outcome, int Status, double? RetryAfter)
{
    public double LatencyMs => (Ended - Scheduled) * 1000;
}
