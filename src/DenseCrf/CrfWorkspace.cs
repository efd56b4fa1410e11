using System.Collections.Concurrent;
using DenseCrf.MeanField;
using DenseCrf.Permutohedral;

namespace DenseCrf;

/// <summary>The memory of a refinement, kept from call to call so that only the first call allocates.</summary>
/// <remarks>
/// Only one call at a time may use a workspace. Its buffers lie in native memory until <see cref="Dispose"/>; a
/// disposed workspace can be used again and then allocates again.
/// </remarks>
public sealed class CrfWorkspace : IDisposable
{
    private readonly List<KernelLattice> _lattices = [];
    private long _bytes;
    private int _users;

    /// <summary>Creates an empty workspace.</summary>
    /// <param name="maxBytes">
    /// The limit of the workspace, in bytes. A call that needs more throws an <see cref="ArgumentException"/>.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The limit is negative.</exception>
    public CrfWorkspace(long maxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        MaxBytes = maxBytes;
        Pixels = new PixelBuffers(this);
    }

    /// <summary>The limit of the workspace, in bytes.</summary>
    public long MaxBytes { get; }

    /// <summary>The memory that the workspace holds now, in bytes.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    internal PixelBuffers Pixels { get; }

    /// <summary>Frees the memory. Must not run during a call that uses the workspace.</summary>
    public void Dispose()
    {
        Pixels.Dispose();
        _lattices.ForEach(lattice => lattice.Dispose());
        _lattices.Clear();
    }

    /// <summary>
    /// Frees what only a running call needs. The lattices of the last image stay, so that another call on it is as fast as
    /// before, and its results are equal to the bit. Must not run during a call that uses the workspace.
    /// </summary>
    public void Trim()
    {
        Pixels.Dispose();
        _lattices.ForEach(lattice => lattice.FreeRows());
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
            throw new ArgumentException("Another call is using the workspace; give each call its own.");
        }
    }

    internal void Leave() => Volatile.Write(ref _users, 0);

    /// <summary>Counts memory before it is allocated, or, if negative, after it is freed.</summary>
    internal void Charge(long bytes)
    {
        long total = Interlocked.Add(ref _bytes, bytes);
        if (bytes > 0 && total > MaxBytes)
        {
            Interlocked.Add(ref _bytes, -bytes);
            throw new ArgumentException(
                $"The refinement needs more memory than the workspace's limit of {MaxBytes >> 20} MiB. Refine a smaller image.");
        }
    }
}

/// <summary>Keeps the workspaces of finished calls for later calls. Safe to use from several threads.</summary>
/// <remarks>
/// Idle workspaces hold at most <c>maxIdle</c> × <c>maxBytes</c>. The number of rented workspaces is not limited.
/// </remarks>
/// <param name="maxIdle">Number of idle workspaces to keep; further returned workspaces are freed.</param>
/// <param name="maxBytes">The limit of each workspace, in bytes.</param>
public sealed class CrfWorkspacePool(int maxIdle, long maxBytes) : IDisposable
{
    private readonly ConcurrentBag<CrfWorkspace> _idle = [];

    /// <summary>
    /// Takes an idle workspace or creates a new one. The caller returns or disposes it, also after an exception.
    /// </summary>
    public CrfWorkspace Rent()
    {
        if (_idle.TryTake(out CrfWorkspace? workspace))
        {
            return workspace;
        }

        return new CrfWorkspace(maxBytes);
    }

    /// <summary>Takes a workspace back. The caller must not use it any more.</summary>
    /// <param name="workspace">A workspace of this pool.</param>
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
