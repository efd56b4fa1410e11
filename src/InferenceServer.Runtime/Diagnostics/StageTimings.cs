using System.Diagnostics;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>The stages of a request in order; the names are the same in metrics, spans and Server-Timing.</summary>
internal enum Stage
{
    /// <summary>The request body arrives.</summary>
    Read,

    /// <summary>Encoded bytes to RGB pixels.</summary>
    Decode,

    /// <summary>Resize, normalise and pad to the network's input.</summary>
    Preprocess,

    /// <summary>Waiting for a session.</summary>
    Queue,

    /// <summary>The network runs.</summary>
    Infer,

    /// <summary>The network's output to labels at the image's size.</summary>
    Postprocess,

    /// <summary>The mask is refined by a fully connected CRF, including the wait; 0 without refinement.</summary>
    Crf,

    /// <summary>Labels to the bytes of the response.</summary>
    Encode,

    /// <summary>The response is sent, until the connection has taken the last byte.</summary>
    Write,
}

/// <summary>The time of one request in each stage, and a span for each stage where tracing is on. Not thread-safe: a
/// request is in one stage at a time.</summary>
internal sealed class StageTimings
{
    private const int NotEntered = -1;

    // The request's span, kept because a batch is measured on another thread.
    private readonly Activity? _request = Activity.Current;
    private readonly long[] _ticks = new long[Stages.Count];

    /// <summary>Starts without an entered stage, below the current span.</summary>
    public StageTimings() => Array.Fill(_ticks, NotEntered);

    /// <summary>All stages, in order.</summary>
    public static IReadOnlyList<Stage> Stages { get; } = Enum.GetValues<Stage>();

    /// <summary>Their names in metrics and headers, in the same order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Stages.Select(s => s.ToString().ToLowerInvariant())];

    /// <summary>Whether the request is bulk work, which waits behind interactive requests.</summary>
    public bool IsBackground { get; set; }

    /// <summary>The last entered stage; the first stage before any was entered.</summary>
    public Stage Current { get; private set; }

    /// <summary>The time in a stage; zero for a stage that was not entered.</summary>
    public TimeSpan this[Stage stage] => new(Math.Max(_ticks[(int)stage], 0));

    /// <summary>The sum over all stages.</summary>
    public TimeSpan Total => Stages.Aggregate(TimeSpan.Zero, (sum, next) => sum + this[next]);

    /// <summary>Whether the time in a stage is above zero.</summary>
    public bool Entered(Stage stage) => _ticks[(int)stage] != NotEntered;

    /// <summary>Adds the time until the returned scope is disposed to <paramref name="stage"/>, whether the stage
    /// succeeds or fails; the scope may span awaits.</summary>
    public Scope Measure(Stage stage)
    {
        Current = stage;
        return new(this, stage);
    }

    /// <summary>Adds a duration measured elsewhere.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="duration">The time in the stage.</param>
    /// <param name="ago">Time since the stage ended; used for the span alone.</param>
    public void Add(Stage stage, TimeSpan duration, TimeSpan ago = default)
    {
        Current = stage;
        Tracing.Record(Names[(int)stage], _request, duration, ago);
        Count(stage, duration);
    }

    private void Count(Stage stage, TimeSpan duration) => _ticks[(int)stage] = Math.Max(_ticks[(int)stage], 0) + duration.Ticks;

    /// <summary>A measurement from construction to disposal.</summary>
    public readonly struct Scope : IDisposable
    {
        private readonly StageTimings _timings;
        private readonly Stage _stage;
        private readonly Activity? _span;
        private readonly long _start;

        internal Scope(StageTimings timings, Stage stage)
        {
            _timings = timings;
            _stage = stage;
            _span = Tracing.Start(Names[(int)stage], timings._request);
            _start = Stopwatch.GetTimestamp();
        }

        /// <summary>Ends the measurement; called once.</summary>
        public void Dispose()
        {
            _timings.Count(_stage, Stopwatch.GetElapsedTime(_start));
            _span?.Dispose();
        }
    }
}

/// <summary>The spans of a request; no spans are made without a listener.</summary>
internal static class Tracing
{
    /// <summary>Name of the activity source.</summary>
    public const string SourceName = "InferenceServer";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Starts the span of a whole request below the current span, which is the web server's.</summary>
    /// <returns>The span, which the caller disposes; null without a listener.</returns>
    public static Activity? StartRequest() => Source.StartActivity("segment");

    internal static Activity? Start(string stage, Activity? parent)
    {
        if (Source.HasListeners())
        {
            return Source.StartActivity(stage, ActivityKind.Internal, parent?.Context ?? default);
        }

        return null;
    }

    /// <summary>Records a span that has ended.</summary>
    internal static void Record(string stage, Activity? parent, TimeSpan duration, TimeSpan ago)
    {
        if (!Source.HasListeners())
        {
            return;
        }

        DateTimeOffset end = DateTimeOffset.UtcNow - ago;
        using Activity? span = Source.StartActivity(stage, ActivityKind.Internal, parent?.Context ?? default, startTime: end - duration);
        span?.SetEndTime(end.UtcDateTime);
    }
}
