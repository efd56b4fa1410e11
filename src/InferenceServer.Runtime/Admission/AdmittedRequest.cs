using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Admission;

/// <summary>An admitted request. Its model stays open, and what the request holds counts against the limits, until this
/// is disposed.</summary>
internal sealed class AdmittedRequest : IDisposable
{
    private readonly ModelLease? _lease;
    private readonly InFlightLimits.Permit _permit;
    private readonly Deadline _deadline;
    private int _places;
    private bool _arrives;
    private int _left;

    internal AdmittedRequest(ModelLease? lease, InFlightLimits.Permit permit, Deadline deadline, in AdmissionRequest request)
    {
        (_lease, _permit, _deadline) = (lease, permit, deadline);
        Timings = request.Timings ?? new StageTimings();
        Client = request.Client;
        Priority = request.Priority;
        _arrives = request.Body is not null;
        _places = _arrives ? 0 : 1;
    }

    /// <summary>The model that will answer.</summary>
    /// <exception cref="InvalidOperationException">The request needs no model.</exception>
    public LoadedModel Model => _lease?.Model ?? throw new InvalidOperationException("The request has no model.");

    /// <summary>The model that will answer; null where no network runs.</summary>
    public LoadedModel? ModelOrNone => _lease?.Model;

    /// <summary>The model's name in metrics.</summary>
    public string ModelName => _lease?.Model.Name ?? SegmentationMetrics.NoModel;

    /// <summary>Who sent the request; null is this process.</summary>
    public Client? Client { get; }

    /// <summary>The request's class.</summary>
    public Priority Priority
    {
        get;
        private set
        {
            field = value;
            Timings.IsBackground = value == Priority.Background;
        }
    }

    /// <summary>The time that each stage of the request took.</summary>
    public StageTimings Timings { get; }

    /// <summary>Cancelled when the caller cancels or the timeout passes.</summary>
    public CancellationToken Cancellation => _deadline.Token;

    /// <summary>Whether the timeout has passed and the caller has not cancelled.</summary>
    public bool IsLate => _deadline.HasPassed;

    /// <summary>The error of a request that <see cref="IsLate"/>; it names the stage in which the time ran
    /// out.</summary>
    public SegmentationException Late() => AdmissionErrors.Late(ModelOrNone, _deadline.Timeout, Timings.Current);

    /// <summary>Applies timeout and priority that stand in the request's body.</summary>
    /// <param name="timeout">The timeout from the request's arrival; it can only shorten the timeout. Null changes
    /// nothing.</param>
    /// <param name="priority">The class in the queue; the request was admitted with the class of its headers.</param>
    public void Amend(TimeSpan? timeout, Priority priority)
    {
        Priority = priority;
        if (timeout is { } shorter)
        {
            _deadline.Shorten(shorter);
        }
    }

    /// <summary>Claims memory for an encoded image that has grown to <paramref name="bytes"/>.</summary>
    /// <exception cref="SegmentationException">The server holds as much as it may.</exception>
    public void HoldBytes(long bytes)
    {
        ThrowIf(_permit.TryHoldBytes(bytes));
    }

    /// <summary>Reads the request's body after its admission; then the request takes its place in the server.</summary>
    /// <param name="read">Reads it, until <see cref="Cancellation"/>.</param>
    /// <exception cref="SegmentationException">The timeout passed, or the server has become full.</exception>
    public async Task<T> ReadAsync<T>(Func<Task<T>> read)
    {
        using StageTimings.Scope reading = Timings.Measure(Stage.Read);
        T body;
        try
        {
            body = await read().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (IsLate)
        {
            throw Late();
        }

        if (!_arrives)
        {
            return body;
        }

        if (AdmissionControl.Enter(ModelOrNone, _permit, Priority) is { } full)
        {
            (body as IDisposable)?.Dispose();
            throw full;
        }

        (_arrives, _places) = (false, 1);
        return body;
    }

    /// <summary>Gives the request's place back, and the room of its image, once the answer is made.</summary>
    /// <param name="bytes">Bytes of the answer. They count until the request's end.</param>
    /// <returns>False where too many answers wait already: the request keeps its place, and the client must read the
    /// answer fast.</returns>
    public bool TryLeave(long bytes)
    {
        LeaveBacklog();
        return _permit.TryLeave(bytes);
    }

    /// <summary>Ends the request; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
        {
            LeaveBacklog();
            _permit.Dispose();
            _deadline.Dispose();
            _lease?.Dispose();
        }
    }

    /// <summary>The backlog this request is counted in; null after inference.</summary>
    internal Backlog? Backlog
    {
        get
        {
            if (Volatile.Read(ref _places) > 0)
            {
                return ModelOrNone?.Scheduler.Backlog;
            }

            return null;
        }
    }

    /// <summary>Claims memory for a decoded image.</summary>
    /// <param name="pixels">Its pixels.</param>
    /// <param name="bytes">Bytes of scores beside the image; they count by the bytes of a pixel.</param>
    /// <exception cref="SegmentationException">The server holds as much as it may.</exception>
    internal void HoldPixels(long pixels, long bytes = 0)
    {
        ThrowIf(_permit.TryHoldPixels(pixels + (bytes / SchedulingOptions.BytesOfPixel)));
    }

    /// <summary>Claims memory for another decoded image, beside what the request holds.</summary>
    /// <inheritdoc cref="HoldPixels"/>
    internal void HoldMorePixels(long pixels, long bytes)
    {
        ThrowIf(_permit.TryHoldMorePixels(pixels + (bytes / SchedulingOptions.BytesOfPixel)));
    }

    private void ThrowIf(Refusal? refusal)
    {
        if (refusal is { } full)
        {
            throw AdmissionErrors.Refused(ModelOrNone, full, Priority);
        }
    }

    /// <summary>Counts the request as several inputs in the backlog, until its end.</summary>
    internal void Widen(int inputs)
    {
        if (Interlocked.CompareExchange(ref _places, inputs, 1) == 1)
        {
            Model.Scheduler.Backlog.Widen(inputs - 1);
        }
    }

    /// <summary>Removes the request from the backlog after inference, so that another request can be
    /// admitted.</summary>
    internal void LeaveBacklog()
    {
        if (Interlocked.Exchange(ref _places, 0) is > 0 and int places)
        {
            ModelOrNone?.Scheduler.Backlog.Leave(places);
        }
    }
}

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
