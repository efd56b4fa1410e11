using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Sessions;

/// <summary>One network in two sessions: a wide one, whose runs take all processors, and a narrow one for runs beside
/// each other.</summary>
/// <remarks>Threads of one run wait for each other at every operator, so several narrow runs do more in the same time
/// than wide ones in turn; alone, a wide run is answered sooner.</remarks>
internal sealed class ElasticSession(IModelSession wide, IModelSession narrow) : IModelSession
{
    public ExecutionProvider Provider => wide.Provider;

    public GraphSignature Signature => wide.Signature;

    public IModelSession Wide => wide;

    public IModelSession Narrow => narrow;

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken) => wide.Run(input, cancellationToken);

    public void Dispose()
    {
        wide.Dispose();
        narrow.Dispose();
    }
}
