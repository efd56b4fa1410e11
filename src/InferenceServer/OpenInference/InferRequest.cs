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
