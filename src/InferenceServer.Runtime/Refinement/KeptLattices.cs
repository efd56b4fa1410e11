using System.Security.Cryptography;
using DenseCrf;
using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Refinement;

/// <summary>The lattices of images on which callers refine again, with other weights, iterations or scores: the one owner of
/// their memory. Thread-safe.</summary>
/// <remarks>A refinement takes a lattice out while it runs. Which image and kernels a lattice is for, the refinement compares
/// itself: a key never changes a result.</remarks>
internal sealed class KeptLattices : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Entry> _entries = []; // the oldest first
    private readonly CrfOptions _options;
    private readonly ConcurrencyLimit _limit;
    private readonly TimeProvider _time;
    private readonly ITimer _expiry;
    private bool _isDisposed;

    public KeptLattices(IOptions<CrfOptions> options, IOptions<SchedulingOptions> scheduling, TimeProvider time)
    {
        (_options, _time) = (options.Value, time);
        _limit = new ConcurrencyLimit(
            options.Value.KeptBytes, "bytes of kept lattices (Crf:KeptBytes)", TimeSpan.Zero, scheduling.Value.ClientShare);
        _expiry = time.CreateTimer(
            static kept => ((KeptLattices)kept!).Expire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Bytes that are kept now.</summary>
    public long Bytes => _limit.Used;

    /// <summary>Takes a caller's lattice out.</summary>
    /// <returns>The workspace with the lattice, which the caller owns; null where the key is unknown, belongs to another caller
    /// or is in use.</returns>
    public CrfWorkspace? Take(LatticeTicket ticket)
    {
        lock (_lock)
        {
            int found = _entries.FindIndex(entry => entry.Key == ticket.Wanted && entry.Client == ticket.Client);
            if (found < 0)
            {
                return null;
            }

            return Remove(found);
        }
    }

    /// <summary>Keeps a lattice after its refinement, where there is room, and writes its key into the ticket.</summary>
    /// <param name="workspace">The workspace; taken over, where this succeeds.</param>
    /// <param name="ticket">Who keeps it.</param>
    /// <param name="isTaken">Whether the workspace came from <see cref="Take"/>, and so keeps its key.</param>
    /// <returns>Whether it is kept.</returns>
    public bool TryKeep(CrfWorkspace workspace, LatticeTicket ticket, bool isTaken)
    {
        workspace.Trim();
        lock (_lock)
        {
            if (_isDisposed || workspace.Bytes > _options.KeptBytes)
            {
                return false;
            }

            ConcurrencyLimit.Permit room = _limit.Open(ticket.Client);
            while (room.TryHold(workspace.Bytes) is not null)
            {
                // The caller's own first: one that refines many images does not cost the others theirs.
                int oldest = Math.Max(_entries.FindIndex(entry => entry.Client == ticket.Client), 0);
                if (_entries.Count == 0)
                {
                    room.Dispose();
                    return false;
                }

                Remove(oldest).Dispose();
            }

            string fresh = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(LatticeTicket.KeyBytes));
            string key = isTaken ? ticket.Wanted! : fresh;
            ticket.Key = key;
            _entries.Add(new Entry(key, ticket.Client, workspace, room, _time.GetTimestamp()));
            _expiry.Change(Left(_entries[0]), Timeout.InfiniteTimeSpan);
            return true;
        }
    }

    /// <summary>Frees all.</summary>
    public void Dispose()
    {
        _expiry.Dispose();
        lock (_lock)
        {
            _isDisposed = true;
            while (_entries.Count > 0)
            {
                Remove(0).Dispose();
            }
        }
    }

    private void Expire()
    {
        lock (_lock)
        {
            while (_entries.Count > 0 && Left(_entries[0]) == TimeSpan.Zero)
            {
                Remove(0).Dispose();
            }

            if (_entries.Count > 0)
            {
                _expiry.Change(Left(_entries[0]), Timeout.InfiniteTimeSpan);
            }
        }
    }

    private TimeSpan Left(Entry entry)
    {
        TimeSpan left = _options.KeptFor - _time.GetElapsedTime(entry.Since);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private CrfWorkspace Remove(int index)
    {
        Entry entry = _entries[index];
        _entries.RemoveAt(index);
        entry.Room.Dispose();
        return entry.Workspace;
    }

    private sealed record Entry(string Key, Client? Client, CrfWorkspace Workspace, ConcurrencyLimit.Permit Room, long Since);
}

/// <summary>A caller's wish to refine again on the same image.</summary>
/// <param name="client">Who asks; a key serves nobody else.</param>
/// <param name="wanted">The key of an earlier answer; null for the first refinement.</param>
internal sealed class LatticeTicket(Client? client, string? wanted)
{
    /// <summary>Random bytes of a key.</summary>
    public const int KeyBytes = 16;

    public Client? Client => client;

    public string? Wanted => wanted;

    /// <summary>The key of the lattice that is kept; null where none is.</summary>
    public string? Key { get; set; }
}
