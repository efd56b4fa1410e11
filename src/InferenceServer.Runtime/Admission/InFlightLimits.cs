using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Limits on all requests together and on those of each client: their number, bytes of encoded images, pixels of
/// decoded images, and bytes of answers.</summary>
internal sealed class InFlightLimits(IOptions<SchedulingOptions> options)
{
    // A body that arrives needs little but its bytes, which are counted.
    private const int ReadersPerRequest = 4;

    private readonly SchedulingOptions _options = options.Value;
    private readonly SharedLimits _limits = new(
        options.Value.ClientShare,
        options.Value.MaxRequests, (long)options.Value.MaxRequests * ReadersPerRequest, options.Value.MaxBytesInFlight,
        options.Value.MaxPixelsInFlight, options.Value.MaxAnswerBytes, long.MaxValue);

    /// <summary>Requests in the server now whose images have arrived and whose answers are not made.</summary>
    public int Requests => (int)_limits.Used(Limit.Requests);

    /// <summary>Requests whose bodies arrive now.</summary>
    public int Readers => (int)_limits.Used(Limit.Readers);

    /// <summary>Bytes of encoded images.</summary>
    public long Bytes => _limits.Used(Limit.Bytes);

    /// <summary>Pixels of decoded images.</summary>
    public long Pixels => _limits.Used(Limit.Pixels);

    /// <summary>Bytes of answers that wait for their clients.</summary>
    public long AnswerBytes => _limits.Used(Limit.Answers);

    /// <summary>Clients with a request in the server.</summary>
    public int Clients => _limits.Clients;

    /// <summary>Gives a permit that holds nothing yet.</summary>
    /// <param name="client">Who sends the request; null is this process, which has no share.</param>
    /// <returns>The permit, which gives back all that it holds when it is disposed.</returns>
    internal Permit Open(Client? client) => new(this, _limits.Open(client));

    /// <summary>The limits, as indexes of <see cref="SharedLimits"/>.</summary>
    internal static class Limit
    {
        public const int Requests = 0, Readers = 1, Bytes = 2, Pixels = 3, Answers = 4;

        /// <summary>Answers that found no room among those that wait. No limit: a client with such an answer may not
        /// send another request.</summary>
        public const int Surplus = 5;
    }

    /// <summary>The permit of one request, with all that it holds.</summary>
    internal sealed class Permit(InFlightLimits admission, SharedLimits.Permit held) : IDisposable
    {
        /// <summary>Places that the client has, and clients in the server; null for this process.</summary>
        public (int Own, int Clients)? Part
        {
            get
            {
                if (held.UsedByClient(Limit.Requests) is { } own)
                {
                    return ((int)own, admission.Clients);
                }

                return null;
            }
        }

        /// <summary>Whether a request would find no place now, or its client reads no answers.</summary>
        public Refusal? Peek(Priority priority)
        {
            bool hasUnread = held.UsedByClient(Limit.Surplus) > 0
                || held.Peek(Limit.Answers) is { IsOfClient: true };
            if (hasUnread)
            {
                return new Refusal(Limit.Answers, IsOfClient: true);
            }

            return held.Peek(Limit.Requests, Share(priority));
        }

        /// <summary>Counts the request as one whose body arrives.</summary>
        public Refusal? TryRead() => held.TryHold(Limit.Readers, 1);

        /// <summary>Takes a place for a request whose image has arrived.</summary>
        /// <param name="priority">The request's class; <see cref="Priority.Background"/> may use only a share of the
        /// limit.</param>
        public Refusal? TryEnter(Priority priority)
        {
            held.Release(Limit.Readers);
            return held.TryHold(Limit.Requests, 1, Share(priority));
        }

        /// <summary>Claims room for an encoded image that has, or has grown to, <paramref name="total"/>
        /// bytes.</summary>
        public Refusal? TryHoldBytes(long total) => held.TryHold(Limit.Bytes, total);

        /// <summary>Claims room for a decoded image of <paramref name="total"/> pixels.</summary>
        public Refusal? TryHoldPixels(long total) => held.TryHold(Limit.Pixels, total);

        /// <summary>Claims room for <paramref name="more"/> pixels beside those that the request holds.</summary>
        public Refusal? TryHoldMorePixels(long more) => held.TryHoldMore(Limit.Pixels, more);

        /// <summary>Gives everything back but the bytes of the answer, which wait for the client.</summary>
        /// <returns>Whether there was room for them; where not, the permit keeps all that it holds.</returns>
        public bool TryLeave(long bytes)
        {
            // An answer above the limit would never find room. It stays within what its image has claimed.
            if (held.TryHold(Limit.Answers, bytes, isStrict: true) is not null)
            {
                if (bytes <= admission._options.MaxAnswerBytes * admission._options.ClientShare)
                {
                    held.TryHold(Limit.Surplus, 1);
                }

                return false;
            }

            held.Release(Limit.Requests);
            held.Release(Limit.Bytes);
            held.Release(Limit.Pixels);
            return true;
        }

        /// <summary>Releases the permit; called once.</summary>
        public void Dispose() => held.Dispose();

        private double Share(Priority priority)
        {
            if (priority == Priority.Interactive)
            {
                return 1;
            }

            return admission._options.BackgroundShare;
        }
    }
}
