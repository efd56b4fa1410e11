using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference;

/// <summary>A request to infer, however it came. Whoever holds it disposes it.</summary>
internal sealed class InferRequest : IDisposable
{
    /// <summary>The parameter of an output that says whether it comes as bytes.</summary>
    public const string BinaryData = "binary_data";

    private readonly List<IDisposable> _buffers = [];

    /// <summary>Given back in the answer.</summary>
    public string? Id { get; set; }

    public InferParameters Parameters { get; set; } = InferParameters.None;

    public IReadOnlyList<InferInput> Inputs { get; set; } = [];

    /// <summary>What is asked for; empty asks for all.</summary>
    public IReadOnlyList<InferOutput> Outputs { get; set; } = [];

    /// <summary>Whether outputs that say nothing of it come as bytes and not as JSON.</summary>
    public bool BinaryByDefault { get; set; }

    /// <summary>Keeps memory that an input lies in until the request is done.</summary>
    public T Own<T>(T buffer)
        where T : IDisposable
    {
        _buffers.Add(buffer);
        return buffer;
    }

    /// <summary>Whether an output comes as bytes.</summary>
    public bool IsBinary(string output) => Outputs.FirstOrDefault(o => o.Name == output)?.Parameters.Flag(BinaryData) ?? BinaryByDefault;

    public void Dispose() => _buffers.ForEach(b => b.Dispose());
}

/// <summary>An input tensor of a request.</summary>
internal sealed record InferInput
{
    /// <summary>Its name; null in raw mode, where the model has only one.</summary>
    public string? Name { get; init; }

    /// <summary>Its element type; null in raw mode.</summary>
    public string? Datatype { get; init; }

    /// <summary>Its sides; empty in raw mode.</summary>
    public IReadOnlyList<long> Shape { get; init; } = [];

    /// <summary>Its parameters.</summary>
    public InferParameters Parameters { get; init; } = InferParameters.None;

    /// <summary>The elements in the order of the axes, little-endian; not of <c>BYTES</c>.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>The elements of <c>BYTES</c>.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Elements { get; init; } = [];
}

/// <summary>An output tensor that a request asks for.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Its parameters.</param>
internal sealed record InferOutput(string Name, InferParameters Parameters);

/// <summary>An output of an answer. Whoever holds it disposes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Datatype">Its element type.</param>
/// <param name="Shape">Its sides.</param>
/// <param name="Data">The elements in the order of the axes, little-endian.</param>
internal sealed record OutputTensor(string Name, string Datatype, IReadOnlyList<long> Shape, PooledBufferWriter Data) : IDisposable
{
    public void Dispose() => Data.Dispose();
}
