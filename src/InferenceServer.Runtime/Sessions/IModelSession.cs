using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Sessions;

/// <summary>A loaded network.</summary>
internal interface IModelSession : IDisposable
{
    /// <summary>The provider that runs the network.</summary>
    ExecutionProvider Provider { get; }

    /// <summary>The graph's inputs and outputs.</summary>
    GraphSignature Signature { get; }

    /// <summary>The session for a run that is alone and may use all processors.</summary>
    IModelSession Wide => this;

    /// <summary>The session for runs that share the processors.</summary>
    IModelSession Narrow => this;

    /// <summary>The same network, of which only the labels leave the device, N×h×w of 8 bits; null where only scores
    /// can.</summary>
    IModelSession? Labels => null;

    /// <summary>The memory layout of the graph's input.</summary>
    TensorLayout Layout => TensorLayout.Float32Nchw(channels: 3);

    /// <summary>The layout of 8-bit images that the device normalises by itself; null where inputs have <see
    /// cref="Layout"/> alone.</summary>
    TensorLayout? PixelLayout => null;

    /// <summary>Runs the network once; may be called from several threads.</summary>
    /// <param name="input">An input of <see cref="Layout"/> or <see cref="PixelLayout"/>; the caller still disposes
    /// it.</param>
    /// <param name="cancellationToken">Stops the run between two of its operators.</param>
    /// <returns>The output, which the caller disposes.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="SegmentationException">The network failed.</exception>
    ModelOutput Run(InputTensor input, CancellationToken cancellationToken);

    /// <summary>Gives the processor's memory that runs left unused back to the system.</summary>
    /// <param name="input">Any input of <see cref="Layout"/>, which is not run.</param>
    void GiveMemoryBack(InputTensor input)
    {
    }
}

/// <summary>One network in two sessions: a wide session, whose runs use all processors, and a narrow session for runs
/// that share the processors.</summary>
/// <remarks>The threads of one run wait for each other at every operator, so parallel narrow runs have more throughput
/// than wide runs in turn. A run that is alone has less latency in the wide session.</remarks>
/// <param name="wide">The wide session; disposed with this object.</param>
/// <param name="narrow">The narrow session; disposed with this object.</param>
/// <param name="weights">The weights that both use, disposed after them; null where each has its own.</param>
internal sealed class ElasticSession(IModelSession wide, IModelSession narrow, SharedWeights? weights) : IModelSession
{
    public ExecutionProvider Provider => wide.Provider;

    public GraphSignature Signature => wide.Signature;

    public TensorLayout Layout => wide.Layout;

    public IModelSession Wide => wide;

    public IModelSession Narrow => narrow;

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken) => wide.Run(input, cancellationToken);

    public void GiveMemoryBack(InputTensor input) => wide.GiveMemoryBack(input);

    public void Dispose()
    {
        wide.Dispose();
        narrow.Dispose();
        weights?.Dispose();
    }
}
