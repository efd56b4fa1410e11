using System.Globalization;
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

/// <summary>Names, types and shapes of a graph's inputs and outputs, as the file declares them.</summary>
/// <param name="Inputs">In the graph's order.</param>
/// <param name="Outputs">In the graph's order.</param>
internal sealed record GraphSignature(IReadOnlyList<TensorSignature> Inputs, IReadOnlyList<TensorSignature> Outputs);

/// <summary>One input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ElementType">Its element type in ONNX's terms, for instance <c>float32</c>.</param>
/// <param name="Shape">Its dimensions; −1 where the graph leaves one open.</param>
internal sealed record TensorSignature(string Name, string ElementType, IReadOnlyList<int> Shape)
{
    /// <summary>For instance <c>input: float32 [?, 3, ?, ?]</c>.</summary>
    public override string ToString() =>
        $"{Name}: {ElementType} [{string.Join(", ", Shape.Select(d => d < 0 ? "?" : d.ToString(CultureInfo.InvariantCulture)))}]";
}

/// <summary>What an ONNX file says about itself.</summary>
/// <param name="Signature">Its inputs and outputs.</param>
/// <param name="Producer">The program that wrote it; empty where the file does not say.</param>
/// <param name="Opset">Version of ONNX's own operator set; null where the file names none.</param>
/// <param name="Metadata">Its <c>metadata_props</c>.</param>
internal sealed record GraphDescription(
    GraphSignature Signature, string Producer, int? Opset, IReadOnlyDictionary<string, string> Metadata);

/// <summary>One network in two sessions: a wide one, whose runs take all processors, and a narrow one for runs beside
/// each other.</summary>
/// <remarks>Threads of one run wait for each other at every operator, so several narrow runs do more in the same time
/// than wide ones in turn; alone, a wide run is answered sooner.</remarks>
internal sealed class ElasticSession(IModelSession wide, IModelSession narrow) : IModelSession
{
    public ExecutionProvider Provider => wide.Provider;

    public GraphSignature Signature => wide.Signature;

    public TensorLayout Layout => wide.Layout;

    public IModelSession Wide => wide;

    public IModelSession Narrow => narrow;

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken) => wide.Run(input, cancellationToken);

    public void Dispose()
    {
        wide.Dispose();
        narrow.Dispose();
    }
}
