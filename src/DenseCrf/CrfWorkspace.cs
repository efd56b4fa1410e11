using System.Collections.Concurrent;
using DenseCrf.Buffers;
using DenseCrf.MeanField;
using DenseCrf.Permutohedral;

namespace DenseCrf;

/// <summary>The memory of a refinement, kept from call to call so that only the first one pays for fresh pages.</summary>
/// <remarks>One call at a time may use it. Everything lies outside the managed heap; <see cref="Dispose"/> frees it.</remarks>
public sealed class CrfWorkspace : IDisposable
{
    private readonly List<KernelLattice> _lattices = [];
    private long _bytes;
    private int _users;

    /// <param name="maxBytes">What it may hold at most; a call that needs more is refused.</param>
    public CrfWorkspace(long maxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        MaxBytes = maxBytes;
        Pixels = new PixelBuffers(this);
    }

    /// <summary>What it may hold at most, in bytes.</summary>
    public long MaxBytes { get; }

    /// <summary>What it holds, in bytes.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    internal PixelBuffers Pixels { get; }

    /// <summary>Frees the memory. Not while a call uses it.</summary>
    public void Dispose()
    {
        Pixels.Dispose();
        _lattices.ForEach(lattice => lattice.Dispose());
        _lattices.Clear();
    }

    internal KernelLattice Lattice(int kernel)
    {
        while (_lattices.Count <= kernel)
        {
            _lattices.Add(new KernelLattice(this));
        }

        return _lattices[kernel];
    }

    internal void Enter()
    {
        if (Interlocked.Exchange(ref _users, 1) != 0)
        {
            throw new ArgumentException("The workspace serves another call; each needs its own.");
        }
    }

    internal void Leave() => Volatile.Write(ref _users, 0);

    /// <summary>Books memory before it is taken, or, negative, after it is freed.</summary>
    internal void Charge(long bytes)
    {
        long total = Interlocked.Add(ref _bytes, bytes);
        if (bytes > 0 && total > MaxBytes)
        {
            Interlocked.Add(ref _bytes, -bytes);
            throw new ArgumentException($"The refinement needs more than the {MaxBytes >> 20} MiB that its workspace may hold.");
        }
    }
}

/// <summary>Keeps the workspaces of past calls for the next ones.</summary>
/// <remarks>It holds at most <c>maxIdle</c> × <c>maxBytes</c> while nothing runs, and gives out as many workspaces as are asked for.</remarks>
/// <param name="maxIdle">Workspaces kept; more that come back are freed.</param>
/// <param name="maxBytes">What each may hold at most.</param>
public sealed class CrfWorkspacePool(int maxIdle, long maxBytes) : IDisposable
{
    private readonly ConcurrentBag<CrfWorkspace> _idle = [];

    /// <summary>A workspace that the caller returns, after an exception too.</summary>
    public CrfWorkspace Rent() => _idle.TryTake(out CrfWorkspace? workspace) ? workspace : new CrfWorkspace(maxBytes);

    /// <summary>Takes a workspace back; the caller must not use it any more.</summary>
    public void Return(CrfWorkspace workspace)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        if (_idle.Count < maxIdle)
        {
            _idle.Add(workspace);
        }
        else
        {
            workspace.Dispose();
        }
    }

    /// <summary>Frees the idle workspaces.</summary>
    public void Dispose()
    {
        while (_idle.TryTake(out CrfWorkspace? workspace))
        {
            workspace.Dispose();
        }
    }
}
