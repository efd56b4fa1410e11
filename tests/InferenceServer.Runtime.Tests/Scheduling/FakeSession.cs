using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Scheduling;

/// <summary>A network that runs until it is let go, and counts how many of its runs overlap.</summary>
internal sealed class FakeSession : IModelSession
{
    private int _running;

    public ManualResetEventSlim Gate { get; } = new(initialState: false);

    public int MostAtOnce { get; private set; }

    public int Runs { get; private set; }

    public ExecutionProvider Provider => ExecutionProvider.Cpu;

    public GraphSignature Signature { get; } = new([], []);

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            Runs++;
            MostAtOnce = Math.Max(MostAtOnce, ++_running);
        }

        try
        {
            Gate.Wait(cancellationToken);
            return new ModelOutput(new float[1], [1, 1, 1, 1]);
        }
        finally
        {
            lock (Gate)
            {
                _running--;
            }
        }
    }

    public void Dispose() => Gate.Dispose();
}
