using InferenceServer.Runtime;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>Limits the requests with many images at the same time, since each writes its body to a file.</summary>
internal sealed class BulkLimiter(IOptions<BulkOptions> options)
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(5);
    private int _taken;

    /// <summary>Takes a permit.</summary>
    /// <returns>The permit, released when it is disposed; null where the limit is reached.</returns>
    public IDisposable? TryEnter()
    {
        if (Interlocked.Increment(ref _taken) <= options.Value.MaxRequests)
        {
            return new Permit(this);
        }

        Interlocked.Decrement(ref _taken);
        return null;
    }

    /// <summary>The error for a request without a permit.</summary>
    public SegmentationException Refusal() => new(
        SegmentationError.Overloaded,
        $"Server busy: expected at most {options.Value.MaxRequests:N0} requests with many images at the same time "
        + "(Bulk:MaxRequests). "
        + "Retry after the time in Retry-After.")
    {
        RetryAfter = UsualWait,
    };

    private sealed class Permit(BulkLimiter limiter) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0)
            {
                Interlocked.Decrement(ref limiter._taken);
            }
        }
    }
}
