namespace InferenceServer.Auth;

/// <summary>A limit on the requests in each window of the clock.</summary>
/// <param name="window">Length of a window; windows begin at its multiples since midnight UTC.</param>
/// <param name="limit">Most requests in a window; 0 is no limit.</param>
internal sealed class Quota(TimeSpan window, long limit)
{
    private long _window = -1;
    private long _used;

    /// <summary>Time until the next window where the limit is reached, else null.</summary>
    public TimeSpan? Wait(DateTimeOffset now)
    {
        if (limit > 0 && _window == Window(now) && _used >= limit)
        {
            return new TimeSpan(((_window + 1) * window.Ticks) - now.UtcTicks);
        }

        return null;
    }

    /// <summary>Counts a request.</summary>
    public void Take(DateTimeOffset now)
    {
        long current = Window(now);
        _used = current == _window ? _used + 1 : 1;
        _window = current;
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
