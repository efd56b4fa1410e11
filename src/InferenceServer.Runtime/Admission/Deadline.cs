namespace InferenceServer.Runtime.Admission;

/// <summary>A request's timeout, as a token that is also cancelled with the caller's token.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationTokenSource _expiry;
    private readonly CancellationTokenRegistration _departure;
    private readonly CancellationToken _caller;
    private readonly TimeProvider _clock;
    private readonly long _start;

    public Deadline(TimeSpan timeout, TimeProvider clock, CancellationToken caller)
    {
        Timeout = timeout;
        _caller = caller;
        _clock = clock;
        _start = clock.GetTimestamp();
        _expiry = new CancellationTokenSource(timeout, clock);
        _departure = caller.UnsafeRegister(static expiry => ((CancellationTokenSource)expiry!).Cancel(), _expiry);
    }

    /// <summary>The whole timeout.</summary>
    public TimeSpan Timeout { get; private set; }

    /// <summary>Cancelled when the timeout passes or the caller cancels.</summary>
    public CancellationToken Token => _expiry.Token;

    /// <summary>Whether the timeout has passed and the caller has not cancelled.</summary>
    public bool HasPassed => _expiry.IsCancellationRequested && !_caller.IsCancellationRequested;

    /// <summary>Shortens the timeout to <paramref name="timeout"/> after the beginning; a longer one changes
    /// nothing.</summary>
    public void Shorten(TimeSpan timeout)
    {
        if (Timeout == System.Threading.Timeout.InfiniteTimeSpan || timeout < Timeout)
        {
            TimeSpan left = timeout - _clock.GetElapsedTime(_start);
            Timeout = timeout;
            _expiry.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    public void Dispose()
    {
        _departure.Dispose();
        _expiry.Dispose();
    }
}
