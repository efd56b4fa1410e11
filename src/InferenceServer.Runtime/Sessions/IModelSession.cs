using System.Globalization;
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

    /// <summary>The memory layout of the graph's input.</summary>
    TensorLayout Layout => TensorLayout.Float32Nchw(channels: 3);

    /// <summary>Runs the network once; may be called from several threads.</summary>
    /// <param name="input">An input of <see cref="Layout"/>; the caller still disposes it.</param>
    /// <param name="cancellationToken">Stops the run between two of its operators.</param>
    /// <returns>The output, which the caller disposes.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="SegmentationException">The network failed.</exception>
    ModelOutput Run(InputTensor input, CancellationToken cancellationToken);
}

/// <summary>Names, types and shapes of a graph's inputs and outputs, as the file declares them.</summary>
/// <param name="Inputs">The inputs in the graph's order.</param>
/// <param name="Outputs">The outputs in the graph's order.</param>
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

/// <summary>What an ONNX file declares.</summary>
/// <param name="Signature">The inputs and outputs of the graph.</param>
/// <param name="Producer">The program that wrote the file; empty where the file does not say.</param>
/// <param name="Opset">Version of ONNX's own operator set; null where the file names no version.</param>
/// <param name="Metadata">The file's <c>metadata_props</c>.</param>
internal sealed record GraphDescription(
    GraphSignature Signature, string Producer, int? Opset, IReadOnlyDictionary<string, string> Metadata);

/// <summary>One network in two sessions: a wide session, whose runs use all processors, and a narrow session for runs
/// that share the processors.</summary>
/// <remarks>The threads of one run wait for each other at every operator, so parallel narrow runs have more throughput
/// than wide runs in turn. A run that is alone has less latency in the wide session.</remarks>
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
