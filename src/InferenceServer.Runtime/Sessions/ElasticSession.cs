using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Sessions;

/// <summary>One network in two sessions: a run that is alone takes all processors, runs in company take fewer each.</summary>
/// <remarks>Threads of one run wait for each other at every operator, so several narrow runs do more in the same time than wide ones in turn; alone, a wide run is answered sooner.</remarks>
internal sealed class ElasticSession(IModelSession wide, IModelSession narrow) : IModelSession
{
    private int _running;

    public ExecutionProvider Provider => wide.Provider;

    public GraphSignature Signature => wide.Signature;

    public IReadOnlyList<IModelSession> Variants { get; } = [wide, narrow];

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken)
    {
        IModelSession session = Interlocked.Increment(ref _running) == 1 ? wide : narrow;
        try
        {
            return session.Run(input, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    public void Dispose()
    {
        wide.Dispose();
        narrow.Dispose();
    }
}
