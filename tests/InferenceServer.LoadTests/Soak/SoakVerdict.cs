namespace InferenceServer.LoadTests.Soak;

/// <summary>Whether memory grew: the last tenth of a run against what was held after the first five minutes, or the
/// first third of a shorter run.</summary>
internal sealed class SoakVerdict
{
    public const double Limit = 1.10;
    private const double FiveMinutes = 300;

    public SoakVerdict(IReadOnlyList<MemorySample> samples, double seconds)
    {
        double warm = Math.Min(FiveMinutes, seconds / 3);
        Early = Mean(samples, warm, 1.5 * warm);
        Late = Mean(samples, seconds * 9 / 10, double.MaxValue);
    }

    /// <summary>Mean resident bytes once everything had been seen: minutes 5 to 7.5, or the same share of the third
    /// of a shorter run.</summary>
    public double Early { get; }

    /// <summary>Mean resident bytes of the last tenth.</summary>
    public double Late { get; }

    public double Growth => Late / Early;

    public bool Passed => Growth <= Limit;

    private static double Mean(IReadOnlyList<MemorySample> samples, double from, double to) =>
        samples.Where(s => s.Seconds >= from && s.Seconds < to).Select(s => (double)s.Resident).DefaultIfEmpty(double.NaN).Average();
}
