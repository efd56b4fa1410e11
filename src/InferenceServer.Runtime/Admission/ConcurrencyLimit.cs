using System.Diagnostics.CodeAnalysis;

namespace InferenceServer.Runtime.Admission;

/// <summary>A limit on an amount in use at the same time, with a share for each client; a claim beyond is refused with an
/// error that names the limit.</summary>
/// <param name="limit">The most in use at the same time.</param>
/// <param name="uses">What is limited, in the plural, with its option where there is one; a part of the error's
/// text.</param>
/// <param name="retryAfter">When the error says to try again.</param>
/// <param name="share">Most of the limit that one client may use.</param>
internal sealed class ConcurrencyLimit(long limit, string uses, TimeSpan retryAfter, double share)
{
    private const int Only = 0;
    private readonly SharedLimits _limit = new(share, limit);

    /// <summary>The amount in use.</summary>
    public long Used => _limit.Used(Only);

    /// <summary>Gives a permit that holds nothing yet.</summary>
    /// <param name="client">Who asks; null is this process, which has no share.</param>
    public Permit Open(Client? client) => new(this, _limit.Open(client));

    /// <summary>Takes a permit for one use.</summary>
    /// <param name="client">Who asks; null is this process, which has no share.</param>
    /// <param name="permit">The permit, released when it is disposed.</param>
    /// <param name="refusal">The error of a use without a permit.</param>
    public bool TryEnter(
        Client? client, [NotNullWhen(true)] out IDisposable? permit, [NotNullWhen(false)] out SegmentationException? refusal)
    {
        Permit opened = Open(client);
        (permit, refusal) = (opened, opened.TryHold(1));
        if (refusal is null)
        {
            return true;
        }

        opened.Dispose();
        permit = null;
        return false;
    }

    private SegmentationException Error(Refusal refusal)
    {
        string reached = $"the limit on {uses} is reached ({limit:N0})";
        if (refusal.IsOfClient)
        {
            reached = $"one client's share (Scheduling:ClientShare) of the limit on {uses} is used up";
        }

        return new SegmentationException(SegmentationError.Overloaded, $"Server busy: {reached}. Retry later.")
        {
            RetryAfter = retryAfter,
        };
    }

    /// <summary>What one request holds.</summary>
    internal sealed class Permit(ConcurrencyLimit owner, SharedLimits.Permit held) : IDisposable
    {
        private int _released;

        /// <summary>Claims room for an amount that is, or has grown to, <paramref name="total"/>.</summary>
        /// <returns>The error where there is none.</returns>
        public SegmentationException? TryHold(long total)
        {
            if (held.TryHold(Only, total) is { } refusal)
            {
                return owner.Error(refusal);
            }

            return null;
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0)
            {
                held.Dispose();
            }
        }
    }
}
