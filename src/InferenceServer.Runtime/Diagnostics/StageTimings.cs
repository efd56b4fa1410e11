using System.Diagnostics;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>How long one request spent in each stage. Not thread-safe: a request passes its stages one after another.</summary>
public sealed class StageTimings
{
    /// <summary>All stages, in order.</summary>
    public static IReadOnlyList<Stage> Stages { get; } = Enum.GetValues<Stage>();

    /// <summary>Their names in metrics and headers, in the same order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Stages.Select(s => s.ToString().ToLowerInvariant())];

    private readonly TimeSpan[] _durations = new TimeSpan[Stages.Count];

    /// <summary>The time spent in a stage; zero for one that was not entered.</summary>
    public TimeSpan this[Stage stage] => _durations[(int)stage];

    /// <summary>The sum over all stages.</summary>
    public TimeSpan Total => _durations.Aggregate(TimeSpan.Zero, (sum, next) => sum + next);

    /// <summary>Adds the time until the returned scope is disposed to <paramref name="stage"/>.</summary>
    public Scope Measure(Stage stage) => new(this, stage);

    /// <summary>Measures from construction to disposal.</summary>
    public readonly ref struct Scope
    {
        private readonly StageTimings _timings;
        private readonly Stage _stage;
        private readonly long _start;

        internal Scope(StageTimings timings, Stage stage)
        {
            _timings = timings;
            _stage = stage;
            _start = Stopwatch.GetTimestamp();
        }

        /// <summary>Ends the measurement.</summary>
        public void Dispose() => _timings._durations[(int)_stage] += Stopwatch.GetElapsedTime(_start);
    }

    /// <summary>Adds a duration that was measured elsewhere.</summary>
    public void Add(Stage stage, TimeSpan duration) => _durations[(int)stage] += duration;
}
