namespace InferenceServer.Runtime.Admission;

/// <summary>One model's requests that have not been through its network yet, and how many of them there may be.</summary>
/// <remarks>
/// <para>A burst may queue up to the server's limit. A queue that stands is another matter: it adds to every answer's
/// time and to no instance's work.
/// So once somebody has been waiting for an interval without a pause, and many are, only as many are let in as keep
/// the instances busy. An instance that
/// finds nothing to do lets half as many more in, so that no work is lost to it for long.</para>
/// <para>This is the idea of CoDel (Nichols and Jacobson, ACM Queue 2012) at the door instead of inside the queue:
/// who was let in is served.</para>
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

    /// <summary>Requests that were let in and have not been through the network; one that runs several inputs at once
    /// counts as so many.</summary>
    public int Count { get; private set; }

    /// <summary>How many there may be now.</summary>
    public int Limit => _limit;

    /// <summary>Time until all of them have been through, at the recent rate; zero before the first run.</summary>
    public TimeSpan Delay => _imageTime * Count;

    /// <summary>Lets one request in, unless there are enough.</summary>
    internal bool TryEnter(Priority priority)
    {
        lock (_lock)
        {
            ShortenIfStanding();
            double share = priority == Priority.Interactive ? 1 : _options.BackgroundShare;
            if (Count >= Math.Max(_limit * share, 1))
            {
                return false;
            }

            Count++;
            return true;
        }
    }

    /// <summary>A request that was let in runs several inputs at once: it counts as so many more.</summary>
    internal void Widen(int more)
    {
        lock (_lock)
        {
            Count += more;
        }
    }

    /// <summary>One request has been through the network, or wants nothing of it any more.</summary>
    /// <param name="places">What it counted as.</param>
    internal void Leave(int places = 1)
    {
        lock (_lock)
        {
            Count -= places;
        }
    }

    /// <summary>One of the requests waits: for its turn on the processor, or for an instance.</summary>
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

    /// <summary><paramref name="count"/> of those that waited do not any more.</summary>
    internal void StopWaiting(int count = 1)
    {
        lock (_lock)
        {
            _waiting -= count;
        }
    }

    /// <summary>An instance found nothing to do. If nobody waits elsewhere either, too few were let in.</summary>
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

    /// <summary>An instance has worked on <paramref name="images"/> for <paramref name="duration"/>.</summary>
    internal void Served(int images, TimeSpan duration)
    {
        lock (_lock)
        {
            TimeSpan imageTime = duration / (images * _instances);
            _imageTime = _imageTime == TimeSpan.Zero ? imageTime : (_imageTime * (1 - Smoothing)) + (imageTime * Smoothing);
        }
    }

    private void ShortenIfStanding()
    {
        if (_waiting == 0)
        {
            return;
        }

        // A handful of clients that each wait for their answer make a short queue that always stands, and overload nothing.
        bool isLong = Count >= LongQueue * _least || _limit < _options.MaxRequests;
        if (isLong && _clock.GetElapsedTime(_standingSince) >= Max(_options.OverloadInterval, _imageTime * RunsPerInterval))
        {
            _limit = _least;
            _standingSince = _clock.GetTimestamp();
        }
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
