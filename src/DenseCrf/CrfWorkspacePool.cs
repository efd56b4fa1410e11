using System.Collections.Concurrent;

namespace DenseCrf;

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
