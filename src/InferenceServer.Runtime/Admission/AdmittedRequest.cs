using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Admission;

/// <summary>A request that was let in: its model is ready and stays open, and its place is kept, until this is disposed.</summary>
internal sealed class AdmittedRequest : IDisposable
{
    private readonly ModelLease _lease;
    private readonly InFlightLimits.Permit _permit;
    private readonly Deadline _deadline;
    private int _places = 1;
    private int _left;

    internal AdmittedRequest(ModelLease lease, InFlightLimits.Permit permit, Deadline deadline, in AdmissionRequest request)
    {
        (_lease, _permit, _deadline) = (lease, permit, deadline);
        Priority = request.Priority;
        Timings = request.Timings ?? new StageTimings();
    }

    /// <summary>The model that will answer.</summary>
    public LoadedModel Model => _lease.Model;

    /// <summary>The request's class.</summary>
    public Priority Priority { get; private set; }

    /// <summary>The time that each stage of the request took.</summary>
    public StageTimings Timings { get; }

    /// <summary>Cancelled when the caller has gone or the request's time is up.</summary>
    public CancellationToken Cancellation => _deadline.Token;

    /// <summary>Whether the request's time is up, and its caller still waits.</summary>
    public bool IsLate => _deadline.HasPassed;

    /// <summary>The error of a request that <see cref="IsLate"/>; it names the stage in which the time ran out.</summary>
    public SegmentationException Late() => AdmissionErrors.Late(Model, _deadline.Timeout, Timings.Current);

    /// <summary>What the request says of itself only in its body, once that was read.</summary>
    /// <param name="timeout">The time that it gives, from its arrival; only a shorter one than it had counts, and
    /// null changes nothing.</param>
    /// <param name="priority">Its class in the queue; it was let in as the one that its headers named.</param>
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
        if (!_permit.TryHoldBytes(bytes))
        {
            throw AdmissionErrors.BytesFull(Model);
        }
    }

    /// <summary>Reads the request's body after its admission.</summary>
    /// <param name="read">Reads it, until <see cref="Cancellation"/>.</param>
    /// <exception cref="SegmentationException">The time is up.</exception>
    public async Task<T> ReadAsync<T>(Func<Task<T>> read)
    {
        using StageTimings.Scope reading = Timings.Measure(Stage.Read);
        try
        {
            return await read().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (IsLate)
        {
            throw Late();
        }
    }

    /// <summary>Leaves the server; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
        {
            LeaveBacklog();
            _permit.Dispose();
            _deadline.Dispose();
            _lease.Dispose();
        }
    }

    /// <summary>Where the request counts as on its way to the network; null once that is done with it.</summary>
    internal Backlog? Backlog => Volatile.Read(ref _places) > 0 ? Model.Scheduler.Backlog : null;

    /// <summary>Claims memory for a decoded image.</summary>
    /// <param name="pixels">Its pixels.</param>
    /// <param name="bytes">What is held beside it for scores; counts by the bytes that a pixel may have.</param>
    /// <exception cref="SegmentationException">The server holds as much as it may.</exception>
    internal void HoldPixels(long pixels, long bytes = 0)
    {
        if (!_permit.TryHoldPixels(pixels + (bytes / SchedulingOptions.BytesOfPixel)))
        {
            throw AdmissionErrors.PixelsFull(Model);
        }
    }

    /// <summary>The request will have several inputs on their way at once: it counts as so many, until it leaves.</summary>
    internal void Widen(int inputs)
    {
        if (Interlocked.CompareExchange(ref _places, inputs, 1) == 1)
        {
            Model.Scheduler.Backlog.Widen(inputs - 1);
        }
    }

    /// <summary>The network is done with the request: the next one may come in.</summary>
    internal void LeaveBacklog()
    {
        if (Interlocked.Exchange(ref _places, 0) is > 0 and int places)
        {
            Model.Scheduler.Backlog.Leave(places);
        }
    }
}
