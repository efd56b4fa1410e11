using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Sessions;

/// <summary>A loaded network.</summary>
internal interface IModelSession : IDisposable
{
    /// <summary>What computes it.</summary>
    ExecutionProvider Provider { get; }

    /// <summary>The graph's inputs and outputs.</summary>
    GraphSignature Signature { get; }

    /// <summary>The session for a run that has all processors to itself.</summary>
    IModelSession Wide => this;

    /// <summary>The session for runs beside each other.</summary>
    IModelSession Narrow => this;

    /// <summary>How the graph's input lies in memory.</summary>
    TensorLayout Layout => TensorLayout.Float32Nchw;

    /// <summary>Runs the network once; may be called from several threads.</summary>
    /// <param name="input">An input of <see cref="Layout"/>; not disposed.</param>
    /// <param name="cancellationToken">Stops the run between two of its operators.</param>
    /// <returns>The output, which the caller disposes.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="SegmentationException">The network failed.</exception>
    ModelOutput Run(InputTensor input, CancellationToken cancellationToken);
}
