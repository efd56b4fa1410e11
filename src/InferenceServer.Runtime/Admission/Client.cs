using System.Net;
using System.Runtime.InteropServices;

namespace InferenceServer.Runtime.Admission;

/// <summary>Whom the limits count as one client: the caller of a key or token, or else an address.</summary>
/// <remarks>Of an IPv6 address only the first 64 bits count, since a host with one address there has all of its
/// network.</remarks>
internal readonly record struct Client
{
    private const int Ipv4Prefix = 0xFFFF;
    private const int NetworkBits = 64;

    private readonly string? _caller;
    private readonly UInt128 _network;

    private Client(string? caller, UInt128 network) => (_caller, _network) = (caller, network);

    /// <summary>All processes of this machine that are connected by a Unix socket.</summary>
    public static Client Local { get; } = new("local", 0);

    /// <summary>The client of a key or token.</summary>
    /// <param name="id">Tells callers apart; has a colon in it.</param>
    public static Client OfCaller(string id) => new(id, 0);

    /// <summary>The client at an address; null is a Unix socket.</summary>
    public static Client OfAddress(IPAddress? address)
    {
        if (address is null)
        {
            return Local;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.MapToIPv6().TryWriteBytes(bytes, out _);
        UInt128 number = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
        if (number >> 32 == Ipv4Prefix)
        {
            return new Client(null, number);
        }

        return new Client(null, number >> NetworkBits << NetworkBits);
    }

    /// <summary>The caller's ID, an IPv4 address, or a network such as <c>2001:db8::/64</c>.</summary>
    public override string ToString()
    {
        if (_caller is not null)
        {
            return _caller;
        }

        Span<byte> bytes = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, _network);
        IPAddress address = new(bytes);
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4().ToString();
        }

        return $"{address}/{NetworkBits}";
    }
}

/// <summary>Limits on amounts in use: by all clients together, and by each client up to a share. Thread-safe.</summary>
/// <remarks>A client is in the table only while it has a permit.</remarks>
/// <param name="share">Most of each limit that one client may use, above 0 to 1.</param>
/// <param name="limits">The limits; a permit names them by their index.</param>
internal sealed class SharedLimits(double share, params long[] limits)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Client, Usage> _clients = [];
    private readonly Usage _all = new(limits, 1);

    /// <summary>Clients that have a permit now; 0 where a client may use everything.</summary>
    public int Clients
    {
        get
        {
            lock (_lock)
            {
                return _clients.Count;
            }
        }
    }

    /// <summary>The amount in use of a limit.</summary>
    public long Used(int limit) => _all[limit].Used;

    /// <summary>Gives a permit that holds nothing yet.</summary>
    /// <param name="client">Who holds it; null is this process, which has no share.</param>
    /// <returns>The permit, which gives back all that it holds when it is disposed.</returns>
    public Permit Open(Client? client)
    {
        if (share >= 1 || client is not { } who)
        {
            return new Permit(this, null, null);
        }

        lock (_lock)
        {
            ref Usage? usage = ref CollectionsMarshal.GetValueRefOrAddDefault(_clients, who, out _);
            usage ??= new Usage(limits, share);
            usage.Permits++;
            return new Permit(this, client, usage);
        }
    }

    private void Close(Client client, Usage usage)
    {
        lock (_lock)
        {
            if (--usage.Permits == 0)
            {
                _clients.Remove(client);
            }
        }
    }

    /// <summary>What one request holds. Used by one thread at a time.</summary>
    internal sealed class Permit(SharedLimits owner, Client? client, Usage? usage) : IDisposable
    {
        private readonly long[] _held = new long[owner._all.Count];

        /// <summary>What this request's client holds of a limit; null where it has no share.</summary>
        public long? UsedByClient(int limit) => usage?[limit].Used;

        /// <summary>Whether nothing of a limit is left, for this client or for all.</summary>
        /// <param name="limit">The limit.</param>
        /// <param name="part">The part of the limit that counts.</param>
        public Refusal? Peek(int limit, double part = 1)
        {
            if (usage?[limit].IsFull(part) is true)
            {
                return new Refusal(limit, IsOfClient: true);
            }

            if (owner._all[limit].IsFull(part))
            {
                return new Refusal(limit, IsOfClient: false);
            }

            return null;
        }

        /// <summary>Claims room for an amount that is, or has grown to, <paramref name="total"/>.</summary>
        /// <param name="limit">The limit.</param>
        /// <param name="total">How much this permit then holds.</param>
        /// <param name="part">The part of the limit that counts.</param>
        /// <param name="isStrict">Whether a claim above the limit is refused, too, where nothing else is in use.</param>
        /// <returns>The limit that is reached; null where the room is claimed.</returns>
        public Refusal? TryHold(int limit, long total, double part = 1, bool isStrict = false)
        {
            long held = _held[limit], more = total - held;
            if (more <= 0)
            {
                return null;
            }

            held = isStrict ? Budget.Never : held;
            if (usage?[limit].TryTake(more, held, part) is false)
            {
                return new Refusal(limit, IsOfClient: true);
            }

            if (!owner._all[limit].TryTake(more, held, part))
            {
                usage?[limit].Return(more);
                return new Refusal(limit, IsOfClient: false);
            }

            _held[limit] = total;
            return null;
        }

        /// <summary>Claims room for <paramref name="more"/> beside what this permit holds.</summary>
        public Refusal? TryHoldMore(int limit, long more) => TryHold(limit, _held[limit] + more);

        /// <summary>Gives back what this permit holds of a limit.</summary>
        public void Release(int limit)
        {
            owner._all[limit].Return(_held[limit]);
            usage?[limit].Return(_held[limit]);
            _held[limit] = 0;
        }

        /// <summary>Gives back everything; called once.</summary>
        public void Dispose()
        {
            for (int limit = 0; limit < _held.Length; limit++)
            {
                Release(limit);
            }

            if (usage is not null)
            {
                owner.Close(client!.Value, usage);
            }
        }
    }

    /// <summary>The amounts in use, by all or by one client.</summary>
    internal sealed class Usage(long[] limits, double share)
    {
        private readonly Budget[] _budgets = [.. limits.Select(limit => new Budget(Math.Max((long)(limit * share), 1)))];

        /// <summary>Permits of the client.</summary>
        public int Permits { get; set; }

        public int Count => _budgets.Length;

        public Budget this[int limit] => _budgets[limit];
    }
}

/// <summary>A limit that is reached.</summary>
/// <param name="Limit">The limit.</param>
/// <param name="IsOfClient">Whether one client's share is used up; false where the whole limit is.</param>
internal readonly record struct Refusal(int Limit, bool IsOfClient);

/// <summary>A limit on an amount in use. A claim above the whole limit is granted while nothing else is in
/// use.</summary>
internal sealed class Budget(long limit)
{
    /// <summary>As the amount that a user has already: a claim above the limit is never granted.</summary>
    public const long Never = -1;

    private long _used;

    /// <summary>The amount in use.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>Whether the limit is reached.</summary>
    /// <param name="part">The part of the limit that counts.</param>
    public bool IsFull(double part = 1) => Used >= Part(part);

    /// <summary>Takes <paramref name="amount"/>, 0 or more, unless it does not fit.</summary>
    /// <param name="amount">How much.</param>
    /// <param name="held">How much the same user has already.</param>
    /// <param name="part">The part of the limit that counts.</param>
    public bool TryTake(long amount, long held = 0, double part = 1)
    {
        long used = Used, most = Part(part);
        while (used == held || amount <= most - used)
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

    private long Part(double part) => Math.Max((long)(limit * part), 1);
}
