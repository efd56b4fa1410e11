namespace InferenceServer.Auth;

/// <summary>A limit on the requests in each window of the clock.</summary>
/// <param name="window">Length of a window; windows begin at its multiples since midnight UTC.</param>
/// <param name="limit">Most requests in a window; 0 is no limit.</param>
internal sealed class Quota(TimeSpan window, long limit)
{
    private readonly Dictionary<string, long> _others = []; // requests of other servers in the current window
    private long _window = -1;
    private long _used;

    /// <summary>Time until the next window where the limit is reached, else null.</summary>
    public TimeSpan? Wait(DateTimeOffset now)
    {
        Enter(Window(now));
        if (limit > 0 && _used + _others.Values.Sum() >= limit)
        {
            return new TimeSpan(((_window + 1) * window.Ticks) - now.UtcTicks);
        }

        return null;
    }

    /// <summary>The current window, and this server's requests in it.</summary>
    public (long Window, long Used) Usage(DateTimeOffset now)
    {
        Enter(Window(now));
        return (_window, _used);
    }

    /// <summary>Sets the requests of another server; those of an earlier window are ignored.</summary>
    public void UsedBy(string server, (long Window, long Used) usage, DateTimeOffset now)
    {
        Enter(Window(now));
        if (usage.Window == _window)
        {
            _others[server] = usage.Used;
        }
    }

    /// <summary>Counts a request.</summary>
    public void Take(DateTimeOffset now)
    {
        Enter(Window(now));
        _used++;
    }

    private void Enter(long current)
    {
        if (_window != current)
        {
            (_window, _used) = (current, 0);
            _others.Clear();
        }
    }

    private long Window(DateTimeOffset now) => now.UtcTicks / window.Ticks;
}

/// <summary>Marks an endpoint whose calls count against the key's rate and quotas.</summary>
internal sealed class Budgeted
{
    public static readonly Budgeted Instance = new();

    private Budgeted()
    {
    }
}
