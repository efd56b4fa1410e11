namespace InferenceServer.Cli.Segment;

/// <summary>How many images are worked on at a time: a fixed number, or as many as a server takes.</summary>
/// <remarks>Where the number follows the server, it starts at 1, so that a wrong key costs one request. It grows by one
/// for each round of that many masks, and is halved when the server is full (429): additive increase and multiplicative
/// decrease, by which TCP finds a fair share of a line. Refusals of requests that were sent before the last halving do not
/// halve again. How long to wait is the server's <c>Retry-After</c>, which the client obeys.</remarks>
internal sealed class Pace
{
    private readonly Lock _lock = new();
    private readonly bool _isFixed;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private double _limit;
    private int _running;
    private int _answersToIgnore;

    private Pace(int start, int most, bool isFixed) => (_limit, Most, _isFixed) = (start, most, isFixed);

    /// <summary>The largest number.</summary>
    public int Most { get; }

    /// <summary>The number now.</summary>
    public int Limit => (int)_limit;

    /// <summary>Works on this many at a time.</summary>
    public static Pace Fixed(int count) => new(count, count, isFixed: true);

    /// <summary>Follows the server, up to the number of requests that a server admits by default.</summary>
    public static Pace Following() => new(start: 1, most: 64, isFixed: false);

    /// <summary>Waits for a place.</summary>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_running < Limit)
                {
                    _running++;
                    return;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Gives a place back.</summary>
    /// <param name="hasMask">Whether the image was answered with a mask.</param>
    public void Leave(bool hasMask)
    {
        lock (_lock)
        {
            _running--;
            _answersToIgnore = Math.Max(0, _answersToIgnore - 1);
            if (hasMask && !_isFixed)
            {
                _limit = Math.Min(Most, _limit + (1 / _limit));
            }

            _changed.SetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Notes that the server was full.</summary>
    public void Refused()
    {
        lock (_lock)
        {
            if (!_isFixed && _answersToIgnore == 0)
            {
                _limit = Math.Max(1, _limit / 2);
                _answersToIgnore = _running;
            }
        }
    }
}
