using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Batching;

/// <summary>Schedules the runs of one model: a queue, and a thread for each instance, so that a busy thread pool delays
/// no run.</summary>
/// <remarks>
/// An idle instance takes what waits, at once. It waits for more inputs only where batches are allowed, the batch has
/// room, and an admitted request is still being prepared.
/// Where the session has a variant that takes all processors, a run that finds too little to do for all instances
/// takes that one, and nothing starts beside it. A single input waits for a narrow run that is nearly done, to have all
/// processors, too.
/// </remarks>
internal sealed class BatchScheduler
{
    private readonly object _lock = new(); // no Lock: threads wait on it
    private readonly IModelSession _session;
    private readonly BatchLimits _limits;
    private readonly TimeProvider _clock;
    private readonly PendingQueue _queue;
    private readonly RunForecast _forecast;
    private readonly Thread[] _instances;
    private int _running;
    private bool _isTaken; // by a run that has all processors
    private bool _closed;

    /// <summary>Starts the threads.</summary>
    internal BatchScheduler(string name, IModelSession session, BatchLimits limits, int instances, Backlog backlog, TimeProvider clock)
    {
        _session = session;
        _limits = limits;
        Backlog = backlog;
        _clock = clock;
        _queue = new PendingQueue(limits);
        _forecast = new RunForecast(clock);
        _instances = [.. Enumerable.Range(0, instances).Select(i => new Thread(Work) { Name = $"{name} {i}", IsBackground = true })];
        foreach (Thread instance in _instances)
        {
            instance.Start();
        }
    }

    /// <summary>The admitted requests before the network, and the limit on their number.</summary>
    public Backlog Backlog { get; }

    /// <summary>Most images that share a run.</summary>
    public int MaxBatch => _limits.Images;

    /// <summary>Inputs that all instances work on at once, at most.</summary>
    public int Capacity => _instances.Length * _limits.Images;

    /// <summary>Told the number of images of each run and how long it took.</summary>
    internal Action<int, TimeSpan>? Ran { get; init; }

    /// <summary>Inputs that wait.</summary>
    public int QueuedImages => Locked(() => _queue.Count);

    /// <summary>Inputs of one class that wait, and their pixels, padding included.</summary>
    public (int Images, long Pixels) Queued(Priority priority) => Locked(() => _queue.Of(priority));

    /// <summary>Inputs that the network works on.</summary>
    public int Running => Locked(() => _running);

    /// <summary>Runs the network on one input, perhaps together with others of the same size.</summary>
    /// <param name="input">1×3×H×W; the caller owns it and must not change it until this returns.</param>
    /// <param name="context">The request.</param>
    /// <param name="cancellationToken">Removes the input from the queue at once; ends a run between two operators where
    /// all its inputs are cancelled.</param>
    /// <returns>The input's output; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The network failed, or the model was closed.</exception>
    public async ValueTask<ModelOutput> RunAsync(InputTensor input, RunContext context, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        PendingImage image = new(input, context, _clock.GetTimestamp());
        Enqueue(image);
        try
        {
            using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(_ => Leave(image), null);
            return await image.Completion.ConfigureAwait(false);
        }
        finally
        {
            Measure(image, context.Timings);
        }
    }

    /// <summary>Fails the images in the queue, rejects new images, and waits for the current runs.</summary>
    /// <returns>Whether the runs ended within <paramref name="timeout"/>; otherwise the session must not be
    /// freed.</returns>
    public bool Close(TimeSpan timeout)
    {
        lock (_lock)
        {
            _closed = true;
            while (_queue.Peek() is { } image)
            {
                _queue.Remove(image);
                Backlog.StopWaiting();
                image.Fail(Closed());
            }

            Monitor.PulseAll(_lock);
        }

        long start = TimeProvider.System.GetTimestamp();
        return _instances.All(instance =>
        {
            TimeSpan left = timeout - TimeProvider.System.GetElapsedTime(start);
            return instance.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        });
    }

    private static SegmentationException Closed() =>
        new(
            SegmentationError.ModelNotReady,
            "The model was taken out of service while the request waited; try again.");

    private void Enqueue(PendingImage image)
    {
        lock (_lock)
        {
            if (_closed)
            {
                throw Closed();
            }

            _queue.Add(image);
            _forecast.Arrive(image.Input.Size.Pixels);
            Backlog.StartWaiting();
            Monitor.Pulse(_lock);
        }
    }

    private void Leave(PendingImage image)
    {
        Batch? batch;
        lock (_lock)
        {
            batch = image.Batch;
            if (_queue.Remove(image))
            {
                image.Cancel();
                Backlog.StopWaiting();
            }
        }

        batch?.Leave();
    }

    private void Work()
    {
        while (Take() is (Batch batch, RunForecast.Run run))
        {
            using (batch)
            {
                batch.Run(run.IsAlone ? _session.Wide : _session.Narrow);
                Finish(batch, run);
            }
        }
    }

    /// <summary>Waits for the next batch and says how to run it; null once the scheduler is closed.</summary>
    private (Batch Batch, RunForecast.Run Run)? Take()
    {
        lock (_lock)
        {
            while (!_closed)
            {
                TimeSpan wait = Delay();
                if (wait == TimeSpan.Zero)
                {
                    return Start();
                }

                Monitor.Wait(_lock, wait);
            }

            return null;
        }
    }

    /// <summary>How long an idle instance waits before it takes the next batch: for ever where no image
    /// waits.</summary>
    private TimeSpan Delay()
    {
        if (_queue.Peek() is not { } first)
        {
            Backlog.RanDry();
            return Timeout.InfiniteTimeSpan;
        }

        if (_isTaken)
        {
            return Timeout.InfiniteTimeSpan;
        }

        bool moreMayCome = _limits.Delay > TimeSpan.Zero && _queue.HasRoom(first) && Backlog.Count > _queue.Count + _running;
        TimeSpan left = moreMayCome ? _limits.Delay - _clock.GetElapsedTime(first.Enqueued) : TimeSpan.Zero;
        if (left > TimeSpan.Zero)
        {
            return left;
        }

        if (MayBeAlone())
        {
            return _forecast.Wait(first.Input.Size.Pixels);
        }

        return TimeSpan.Zero;
    }

    // Where enough inputs wait for all instances, one narrow run for each does more. Background work takes no more than an
    // instance, so that interactive requests find another.
    private bool MayBeAlone() =>
        _session.Wide != _session.Narrow && _queue.Count < _instances.Length && _queue.Peek()!.Priority == Priority.Interactive;

    private (Batch Batch, RunForecast.Run Run) Start()
    {
        // A second run beside a run on all processors would slow both down.
        _isTaken = _running == 0 && MayBeAlone();
        Batch batch = new(_queue.Take());
        long now = _clock.GetTimestamp();
        foreach (PendingImage image in batch.Images)
        {
            image.Start(batch, now);
        }

        _running += batch.Images.Count;
        Backlog.StopWaiting(batch.Images.Count);
        return (batch, _forecast.Start(batch.Images.Sum(image => image.Input.Size.Pixels), _isTaken));
    }

    private void Finish(Batch batch, RunForecast.Run run)
    {
        TimeSpan duration = _clock.GetElapsedTime(run.Started);
        lock (_lock)
        {
            _running -= batch.Images.Count;
            _forecast.End(run);
            if (_queue.Count > 0)
            {
                Monitor.PulseAll(_lock);
            }

            _isTaken = false;
        }

        Backlog.Served(batch.Images.Count, duration);
        Ran?.Invoke(batch.Images.Count, duration);
    }

    // On the request's own flow, since timings are not made for two threads.
    private void Measure(PendingImage image, StageTimings timings)
    {
        long now = _clock.GetTimestamp();
        long started = image.Started;
        if (started == 0)
        {
            timings.Add(Stage.Queue, _clock.GetElapsedTime(image.Enqueued, now));
            return;
        }

        TimeSpan infer = _clock.GetElapsedTime(started, now);
        timings.Add(Stage.Queue, _clock.GetElapsedTime(image.Enqueued, started), ago: infer);
        timings.Add(Stage.Infer, infer);
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_lock)
        {
            return read();
        }
    }
}
