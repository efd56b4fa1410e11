using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Limits on all requests together: their number, bytes of encoded images, and pixels of decoded
/// images.</summary>
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

    /// <summary>Admits a request, unless the server is full. The request holds no bytes or pixels yet.</summary>
    /// <param name="priority">The request's class; <see cref="Priority.Background"/> may use only a share of the
    /// limit.</param>
    /// <returns>The permit, released when it is disposed; null where the server is full.</returns>
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

    /// <summary>The permit of one request, with the bytes and pixels that it holds.</summary>
    internal sealed class Permit(InFlightLimits admission) : IDisposable
    {
        private long _bytes;
        private long _pixels;

        /// <summary>Claims room for an encoded image that has, or has grown to, <paramref name="total"/>
        /// bytes.</summary>
        public bool TryHoldBytes(long total) => TryHold(admission._bytes, ref _bytes, total);

        /// <summary>Claims room for a decoded image of <paramref name="total"/> pixels.</summary>
        public bool TryHoldPixels(long total) => TryHold(admission._pixels, ref _pixels, total);

        /// <summary>Claims room for <paramref name="more"/> pixels beside those that the request holds.</summary>
        public bool TryHoldMorePixels(long more) => TryHoldPixels(_pixels + more);

        /// <summary>Releases the permit; called once.</summary>
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

/// <summary>A limit on an amount in use. A claim above the whole limit is granted while nothing else is in
/// use.</summary>
internal sealed class Budget(long limit)
{
    private long _used;

    /// <summary>The amount in use.</summary>
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

    /// <summary>Returns an amount.</summary>
    public void Return(long amount) => Interlocked.Add(ref _used, -amount);
}
