using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>What all requests together may hold: places, bytes of encoded images, pixels of decoded ones. What is too
/// much is refused before any work is done for it.</summary>
internal sealed class InFlightLimits(IOptions<SchedulingOptions> options)
{
    private readonly SchedulingOptions _options = options.Value;
    private readonly Budget _bytes = new(options.Value.MaxBytesInFlight);
    private readonly Budget _pixels = new(options.Value.MaxPixelsInFlight);
    private int _requests;

    /// <summary>Requests in the server now.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Bytes of their encoded images.</summary>
    public long Bytes => _bytes.Used;

    /// <summary>Pixels of their decoded images.</summary>
    public long Pixels => _pixels.Used;

    /// <summary>Lets one request in, unless the server is full; it holds nothing yet.</summary>
    /// <param name="priority">Its class; <see cref="Priority.Background"/> may take only a share of the places.</param>
    /// <returns>Its place, which is given up by disposing it; null if there is none.</returns>
    internal Permit? TryEnter(Priority priority)
    {
        int limit = priority == Priority.Interactive
            ? _options.MaxRequests
            : Math.Max((int)(_options.MaxRequests * _options.BackgroundShare), 1);
        if (Interlocked.Increment(ref _requests) <= limit)
        {
            return new Permit(this);
        }

        Interlocked.Decrement(ref _requests);
        return null;
    }

    /// <summary>One request's place in the server, and what it holds there.</summary>
    internal sealed class Permit(InFlightLimits admission) : IDisposable
    {
        private long _bytes;
        private long _pixels;

        /// <summary>Claims room for an encoded image that has, or has grown to, <paramref name="total"/> bytes.</summary>
        public bool TryHoldBytes(long total) => TryHold(admission._bytes, ref _bytes, total);

        /// <summary>Claims room for a decoded image of <paramref name="total"/> pixels.</summary>
        public bool TryHoldPixels(long total) => TryHold(admission._pixels, ref _pixels, total);

        /// <summary>Leaves the server; called once.</summary>
        public void Dispose()
        {
            admission._bytes.Return(_bytes);
            admission._pixels.Return(_pixels);
            Interlocked.Decrement(ref admission._requests);
        }

        private static bool TryHold(Budget budget, ref long held, long total)
        {
            if (total <= held)
            {
                return true;
            }

            if (!budget.TryTake(total - held, held))
            {
                return false;
            }

            held = total;
            return true;
        }
    }
}

/// <summary>An amount that may be in use at once. A claim larger than all of it is granted while nobody else uses any.</summary>
internal sealed class Budget(long limit)
{
    private long _used;

    /// <summary>In use now.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>Takes <paramref name="amount"/>, 0 or more, unless it does not fit.</summary>
    /// <param name="amount">How much.</param>
    /// <param name="held">How much the same user has already.</param>
    public bool TryTake(long amount, long held = 0)
    {
        long used = Used;
        while (used == held || amount <= limit - used)
        {
            long seen = Interlocked.CompareExchange(ref _used, used + amount, used);
            if (seen == used)
            {
                return true;
            }

            used = seen;
        }

        return false;
    }

    /// <summary>Gives back what was taken.</summary>
    public void Return(long amount) => Interlocked.Add(ref _used, -amount);
}
