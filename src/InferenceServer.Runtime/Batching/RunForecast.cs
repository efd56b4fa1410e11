namespace InferenceServer.Runtime.Batching;

/// <summary>Says when an image that finds an instance idle should wait for the runs in progress, to have all processors
/// afterwards.</summary>
/// <remarks>
/// <para>Runs beside each other take longer than runs one after another on all processors. Once two runs overlap, the next
/// image would always find one of them in progress and run beside it: from the first stall on, all answers would be late,
/// although each run could be alone.</para>
/// <para>Times are for each pixel of the input, smoothed. Used by one thread at a time.</para>
/// </remarks>
internal sealed class RunForecast(TimeProvider clock)
{
    private const double Smoothing = 0.2;
    private const double Slack = 1.125; // times vary, and a run that has just not ended soon does
    private readonly List<Run> _running = [];
    private double _alone; // seconds for each pixel on all processors; 0 before the first run
    private double _beside; // the same for a run that shares them
    private double _interval; // seconds between two images
    private double _pixels; // of an image
    private long _arrived;

    /// <summary>Counts an image that arrives.</summary>
    public void Arrive(long pixels)
    {
        long now = clock.GetTimestamp();
        if (_arrived != 0)
        {
            _interval = Smooth(_interval, clock.GetElapsedTime(_arrived, now).TotalSeconds);
        }

        (_arrived, _pixels) = (now, Smooth(_pixels, pixels));
    }

    /// <summary>Begins a run.</summary>
    /// <param name="pixels">Pixels of its input.</param>
    /// <param name="isAlone">Whether it has all processors.</param>
    /// <returns>The run, for <see cref="End"/>.</returns>
    public Run Start(long pixels, bool isAlone)
    {
        Run run = new(clock.GetTimestamp(), pixels, isAlone);
        _running.Add(run);
        return run;
    }

    /// <summary>Ends a run.</summary>
    public void End(Run run)
    {
        _running.Remove(run);
        double pace = clock.GetElapsedTime(run.Started).TotalSeconds / run.Pixels;
        if (run.IsAlone)
        {
            _alone = Smooth(_alone, pace);
        }
        else
        {
            _beside = Smooth(_beside, pace);
        }
    }

    /// <summary>How long an image should wait for the runs in progress; zero where it should run beside them.</summary>
    /// <param name="pixels">Pixels of its input.</param>
    public TimeSpan Wait(long pixels)
    {
        bool isKnown = _alone > 0 && _beside > 0 && _running.Count > 0;
        // Where images come faster than runs on all processors can follow, only runs beside each other keep up.
        if (!isKnown || _interval < _alone * _pixels)
        {
            return TimeSpan.Zero;
        }

        double left = _running.Max(run => Left(run, 1));
        if (left + (_alone * pixels) >= _beside * pixels)
        {
            return TimeSpan.Zero;
        }

        return TimeSpan.FromSeconds(Math.Max(_running.Max(run => Left(run, Slack)), 0));
    }

    private static double Smooth(double before, double next) => before == 0 ? next : before + (Smoothing * (next - before));

    private double Left(Run run, double slack) =>
        (_beside * run.Pixels * slack) - clock.GetElapsedTime(run.Started).TotalSeconds;

    /// <summary>A run in progress.</summary>
    /// <param name="Started">Timestamp of its start.</param>
    /// <param name="Pixels">Pixels of its input.</param>
    /// <param name="IsAlone">Whether it has all processors.</param>
    internal sealed record Run(long Started, long Pixels, bool IsAlone);
}
