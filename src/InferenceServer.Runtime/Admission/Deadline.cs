namespace InferenceServer.Runtime.Admission;

/// <summary>The time by which a request wants its answer, as a token that is also cancelled when the caller goes away.</summary>
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

    /// <summary>The time that the request has in all.</summary>
    public TimeSpan Timeout { get; private set; }

    /// <summary>Cancelled when the time is up or the caller has gone, whichever comes first.</summary>
    public CancellationToken Token => _expiry.Token;

    /// <summary>Whether the time is up and the caller still there.</summary>
    public bool HasPassed => _expiry.IsCancellationRequested && !_caller.IsCancellationRequested;

    /// <summary>Brings the end forward to <paramref name="timeout"/> after the beginning; a later one changes nothing.</summary>
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
