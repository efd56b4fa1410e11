namespace InferenceServer.Runtime.Admission;

/// <summary>The admitted requests of one model before its network, and the limit on their number.</summary>
/// <remarks>
/// <para>A burst may queue up to the server's limit. A queue that never empties only adds to the time of every answer.
/// So once requests have been waiting for an interval without a pause, and many wait, only as many are admitted as keep
/// the instances busy. Whenever an instance finds nothing to do, the limit grows by half, so that instances are not
/// idle for long.</para>
/// <para>This is the idea of CoDel (Nichols and Jacobson, ACM Queue 2012) applied at admission instead of inside the
/// queue: every admitted request is served.</para>
/// </remarks>
internal sealed class Backlog
{
    // A queue of random arrivals at 80 % load is rarely four times as long as what keeps the instances busy.
    private const int LongQueue = 4;
    private const int RunsPerInterval = 4;
    private const double Smoothing = 0.2;

    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly SchedulingOptions _options;
    private readonly int _instances;
    private readonly int _least;
    private int _limit;
    private int _waiting;
    private long _standingSince;
    private TimeSpan _imageTime;

    /// <summary>An empty backlog.</summary>
    /// <param name="instances">Runs of the model at the same time.</param>
    /// <param name="batch">Images in each of them.</param>
    /// <param name="options">Limits and interval.</param>
    /// <param name="clock">Tells the time.</param>
    internal Backlog(int instances, int batch, SchedulingOptions options, TimeProvider clock)
    {
        _instances = instances;
        _options = options;
        _clock = clock;
        int busy = instances * batch;
        _least = Math.Min(busy + ((busy + 1) / 2), options.MaxRequests);
        _limit = options.MaxRequests;
    }

    /// <summary>Admitted requests before the network; a request with several inputs at once counts as so
    /// many.</summary>
    public int Count { get; private set; }

    /// <summary>The limit now.</summary>
    public int Limit => _limit;

    /// <summary>Time until all of them have been through, at the recent rate; zero before the first run.</summary>
    public TimeSpan Delay => _imageTime * Count;

    /// <summary>Whether a request would be refused now.</summary>
    /// <inheritdoc cref="TryEnter"/>
    internal bool IsFull(Priority priority, (int Own, int Clients)? part = null)
    {
        lock (_lock)
        {
            return !HasRoom(priority, part);
        }
    }

    /// <summary>Admits a request, unless the limit is reached.</summary>
    /// <param name="priority">The request's class.</param>
    /// <param name="part">Requests that the client has in the server, and the number of clients. A client with less than
    /// an equal part is admitted beyond the limit, so that another client's queue does not refuse it.</param>
    internal bool TryEnter(Priority priority, (int Own, int Clients)? part = null)
    {
        lock (_lock)
        {
            if (!HasRoom(priority, part))
            {
                return false;
            }

            Count++;
            return true;
        }
    }

    /// <summary>Counts further inputs of an admitted request that runs several at once.</summary>
    internal void Widen(int more)
    {
        lock (_lock)
        {
            Count += more;
        }
    }

    /// <summary>Removes a request after the network, or after its cancellation.</summary>
    /// <param name="places">The number that the request counted as.</param>
    internal void Leave(int places = 1)
    {
        lock (_lock)
        {
            Count -= places;
        }
    }

    /// <summary>Counts a request that waits for a CPU slot or an instance.</summary>
    internal void StartWaiting()
    {
        lock (_lock)
        {
            if (_waiting++ == 0)
            {
                _standingSince = _clock.GetTimestamp();
            }
        }
    }

    /// <summary>Counts the end of <paramref name="count"/> waits.</summary>
    internal void StopWaiting(int count = 1)
    {
        lock (_lock)
        {
            _waiting -= count;
        }
    }

    /// <summary>An instance found nothing to do. Where no request waits elsewhere either, the limit was too
    /// low.</summary>
    internal void RanDry()
    {
        lock (_lock)
        {
            if (_waiting == 0)
            {
                _limit = Math.Min(_limit + Math.Max(_limit / 2, 1), _options.MaxRequests);
            }
        }
    }

    /// <summary>Records a run of <paramref name="images"/> that took <paramref name="duration"/>.</summary>
    internal void Served(int images, TimeSpan duration)
    {
        lock (_lock)
        {
            TimeSpan imageTime = duration / (images * _instances);
            _imageTime = _imageTime == TimeSpan.Zero ? imageTime : (_imageTime * (1 - Smoothing)) + (imageTime * Smoothing);
        }
    }

    private bool HasRoom(Priority priority, (int Own, int Clients)? part)
    {
        ShortenIfStanding();
        double share = priority == Priority.Interactive ? 1 : _options.BackgroundShare;
        double limit = Math.Max(_limit * share, 1);
        if (Count < limit)
        {
            return true;
        }

        return part is { Clients: > 1 } of && of.Own < Math.Max(limit / of.Clients, 1)
            && Count < _options.MaxRequests * share;
    }

    private void ShortenIfStanding()
    {
        if (_waiting == 0)
        {
            return;
        }

        // A few clients that each wait for their answer make a short queue that never empties, without an overload.
        bool isLong = Count >= LongQueue * _least || _limit < _options.MaxRequests;
        if (isLong && _clock.GetElapsedTime(_standingSince) >= Max(_options.OverloadInterval, _imageTime * RunsPerInterval))
        {
            _limit = _least;
            _standingSince = _clock.GetTimestamp();
        }
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b)
    {
        if (a > b)
        {
            return a;
        }

        return b;
    }
}
