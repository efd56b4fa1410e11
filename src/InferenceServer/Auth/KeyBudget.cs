using InferenceServer.Errors;
using System.Globalization;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;

namespace InferenceServer.Auth;

/// <summary>The budget of a key: a rate with bursts, and quotas for each hour and day. Thread-safe; a refused request
/// costs nothing.</summary>
/// <remarks>The rate is the generic cell rate algorithm: a leaky bucket that is one number, the time at which it will
/// be empty.</remarks>
internal sealed class KeyBudget(KeyOptions options, TimeProvider time) : IRequestBudget
{
    private readonly Lock _lock = new();
    private readonly TimeSpan _interval = options.RequestsPerSecond > 0
        ? TimeSpan.FromSeconds(1 / options.RequestsPerSecond)
        : TimeSpan.Zero;
    private readonly Quota _hour = new(TimeSpan.FromHours(1), options.RequestsPerHour);
    private readonly Quota _day = new(TimeSpan.FromDays(1), options.RequestsPerDay);
    private readonly long _start = time.GetTimestamp();
    private readonly Dictionary<string, long> _others = []; // requests of other servers since each started
    private TimeSpan _empty;
    private long _total;

    /// <summary>What clients of this server have used.</summary>
    public KeyUsage Usage
    {
        get
        {
            lock (_lock)
            {
                DateTimeOffset now = time.GetUtcNow();
                return new KeyUsage(_total, _hour.Usage(now), _day.Usage(now));
            }
        }
    }

    /// <summary>Counts what clients of another server have used.</summary>
    /// <param name="server">The other server, by a name that changes with each start.</param>
    /// <param name="usage">Its use since it started.</param>
    public void UsedBy(string server, KeyUsage usage)
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            _hour.UsedBy(server, usage.Hour, now);
            _day.UsedBy(server, usage.Day, now);
            // What was used before this server knew of the other one is not of the last second.
            if (_others.TryGetValue(server, out long before) && usage.Total > before)
            {
                TimeSpan elapsed = time.GetElapsedTime(_start);
                _empty = (_empty > elapsed ? _empty : elapsed) + (_interval * (usage.Total - before));
            }

            _others[server] = usage.Total;
        }
    }

    /// <summary>Takes one mask from the budget.</summary>
    /// <returns>What to answer where it is used up; null where it is not.</returns>
    public SegmentationException? Take()
    {
        if (TryTake(out string limit, out TimeSpan wait))
        {
            return null;
        }

        return new SegmentationException(
            ErrorTable.RateLimited,
            string.Create(
                CultureInfo.InvariantCulture,
                $"This key may make {limit}; try again in {Math.Ceiling(wait.TotalSeconds)} s.")) { RetryAfter = wait };
    }

    /// <summary>Takes one request from the budget.</summary>
    /// <param name="limit">The limit that is reached, for the caller; empty where none is.</param>
    /// <param name="wait">Time until the next attempt can succeed.</param>
    public bool TryTake(out string limit, out TimeSpan wait)
    {
        lock (_lock)
        {
            TimeSpan now = time.GetElapsedTime(_start);
            DateTimeOffset date = time.GetUtcNow();
            TimeSpan empty = _empty > now ? _empty : now;
            TimeSpan ahead = empty - now - (_interval * (options.Burst - 1));
            if (_day.Wait(date) is { } day)
            {
                (limit, wait) = ($"{options.RequestsPerDay:N0} requests a day", day);
                return false;
            }

            if (_hour.Wait(date) is { } hour)
            {
                (limit, wait) = ($"{options.RequestsPerHour:N0} requests an hour", hour);
                return false;
            }

            if (ahead > TimeSpan.Zero)
            {
                (limit, wait) = ($"{options.RequestsPerSecond} requests a second", ahead);
                return false;
            }

            (limit, wait) = ("", TimeSpan.Zero);
            _empty = empty + _interval;
            _total++;
            _hour.Take(date);
            _day.Take(date);
            return true;
        }
    }
}
