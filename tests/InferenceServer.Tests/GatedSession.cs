using System.Runtime.CompilerServices;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Tests;

/// <summary>A model's own network behind a gate: runs wait until the test opens the gate, or until they are
/// cancelled.</summary>
internal sealed class GatedSession : IModelSession
{
    private readonly IModelSession _network;
    private readonly BatchScheduler _scheduler;
    private readonly ManualResetEventSlim _gate = new(initialState: false);

    /// <summary>Closes the way to <paramref name="model"/>'s network.</summary>
    public GatedSession(LoadedModel model)
    {
        _network = model.Session;
        _scheduler = model.Scheduler;
        Session(_scheduler) = this;
    }

    /// <summary>Images in each run, in order.</summary>
    public List<int> Runs { get; } = [];

    /// <summary>Sees each run's output before the server does.</summary>
    public Action<ModelOutput>? Ran { get; init; }

    public ExecutionProvider Provider => _network.Provider;

    public GraphSignature Signature => _network.Signature;

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken)
    {
        lock (Runs)
        {
            Runs.Add(input.Batch);
        }

        _gate.Wait(cancellationToken);
        ModelOutput output = _network.Run(input, cancellationToken);
        Ran?.Invoke(output);
        return output;
    }

    public void Open() => _gate.Set();

    /// <summary>Lets everything go; the network stays the model's.</summary>
    public void Dispose()
    {
        _gate.Set();
        Session(_scheduler) = _network;
    }

    // Only tests replace the session of a scheduler.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_session")]
    private static extern ref IModelSession Session(BatchScheduler scheduler);
}
