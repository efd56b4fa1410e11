namespace InferenceServer.Runtime.Sessions;

/// <summary>Frees what several hold once the last of them has let go; each disposes it once.</summary>
internal sealed class SharedOwner(IDisposable owned, int holders) : IDisposable
{
    private int _holders = holders;

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            owned.Dispose();
        }
    }
}
