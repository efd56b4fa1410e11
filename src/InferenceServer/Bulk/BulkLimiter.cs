using InferenceServer.Runtime;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>How many requests with many images there may be at once: each lays its body aside in a file.</summary>
internal sealed class BulkLimiter(IOptions<BulkOptions> options)
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(5);
    private int _taken;

    /// <summary>Takes a place.</summary>
    /// <returns>Gives it up when disposed; null where there is none.</returns>
    public IDisposable? TryEnter()
    {
        if (Interlocked.Increment(ref _taken) <= options.Value.MaxRequests)
        {
            return new Place(this);
        }

        Interlocked.Decrement(ref _taken);
        return null;
    }

    /// <summary>What to answer where there is none.</summary>
    public SegmentationException Refusal() => new(
        SegmentationError.Overloaded, $"The server is working on {options.Value.MaxRequests:N0} requests with many images, as many as it may; try again when Retry-After says.") { RetryAfter = UsualWait };

    private sealed class Place(BulkLimiter places) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                Interlocked.Decrement(ref places._taken);
            }
        }
    }
}
