using System.Diagnostics.CodeAnalysis;

namespace InferenceServer.Runtime.Admission;

/// <summary>A limit on uses at the same time; one more is refused with an error that names the limit.</summary>
/// <param name="limit">Most uses at the same time.</param>
/// <param name="uses">The uses in the plural, with their option where there is one; a part of the error's text.</param>
/// <param name="retryAfter">When the error says to try again.</param>
internal sealed class ConcurrencyLimit(int limit, string uses, TimeSpan retryAfter)
{
    private int _taken;

    /// <summary>Takes a permit.</summary>
    /// <param name="permit">The permit, released when it is disposed.</param>
    /// <param name="refusal">The error of a use without a permit.</param>
    public bool TryEnter([NotNullWhen(true)] out IDisposable? permit, [NotNullWhen(false)] out SegmentationException? refusal)
    {
        if (Interlocked.Increment(ref _taken) <= limit)
        {
            (permit, refusal) = (new Permit(this), null);
            return true;
        }

        Interlocked.Decrement(ref _taken);
        permit = null;
        refusal = new SegmentationException(
            SegmentationError.Overloaded,
            $"Server busy: the limit on {uses} is reached ({limit:N0}). Retry later.") { RetryAfter = retryAfter };
        return false;
    }

    private sealed class Permit(ConcurrencyLimit owner) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0)
            {
                Interlocked.Decrement(ref owner._taken);
            }
        }
    }
}
