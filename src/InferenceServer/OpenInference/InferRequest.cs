using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference;

/// <summary>A request for inference, over HTTP or gRPC. The caller disposes it.</summary>
internal sealed class InferRequest : IDisposable
{
    /// <summary>The parameter that requests an output as bytes.</summary>
    public const string BinaryData = "binary_data";

    private readonly List<IDisposable> _buffers = [];

    /// <summary>The request's ID, which the response repeats.</summary>
    public string? Id { get; set; }

    public InferParameters Parameters { get; set; } = InferParameters.None;

    public IReadOnlyList<InferInput> Inputs { get; set; } = [];

    /// <summary>The requested outputs; empty for all.</summary>
    public IReadOnlyList<InferOutput> Outputs { get; set; } = [];

    /// <summary>Whether outputs without the parameter are sent as bytes instead of JSON.</summary>
    public bool BinaryByDefault { get; set; }

    /// <summary>Keeps an input's memory until the request is disposed.</summary>
    public T Own<T>(T buffer)
        where T : IDisposable
    {
        _buffers.Add(buffer);
        return buffer;
    }

    /// <summary>Whether an output is sent as bytes.</summary>
    public bool IsBinary(string output) =>
        Outputs.FirstOrDefault(o => o.Name == output)?.Parameters.Flag(BinaryData) ?? BinaryByDefault;

    public void Dispose() => _buffers.ForEach(b => b.Dispose());
}

/// <summary>An input tensor of a request.</summary>
internal sealed record InferInput
{
    /// <summary>The input's name; null for a raw body, which is the model's only input.</summary>
    public string? Name { get; init; }

    /// <summary>The element type; null for a raw body.</summary>
    public string? Datatype { get; init; }

    /// <summary>The sides; empty for a raw body.</summary>
    public IReadOnlyList<long> Shape { get; init; } = [];

    /// <summary>The input's parameters.</summary>
    public InferParameters Parameters { get; init; } = InferParameters.None;

    /// <summary>The elements in the order of the axes, little-endian; empty for <c>BYTES</c>.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>The elements of <c>BYTES</c>.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Elements { get; init; } = [];
}

/// <summary>A requested output.</summary>
/// <param name="Name">The output's name.</param>
/// <param name="Parameters">The output's parameters.</param>
internal sealed record InferOutput(string Name, InferParameters Parameters);

/// <summary>An output of a response. The caller disposes it.</summary>
/// <param name="Name">The output's name.</param>
/// <param name="Datatype">The element type.</param>
/// <param name="Shape">The sides.</param>
/// <param name="Data">The elements in the order of the axes, little-endian.</param>
internal sealed record OutputTensor(string Name, string Datatype, IReadOnlyList<long> Shape, PooledBufferWriter Data) : IDisposable
{
    public void Dispose() => Data.Dispose();
}
