using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference;

/// <summary>An answer as it goes out. Whoever holds it disposes it.</summary>
/// <param name="Head">What comes first: JSON, or a message but for its last field.</param>
/// <param name="Tensor">The output whose bytes come behind it; null where they are in it.</param>
internal sealed record InferAnswer(PooledBufferWriter Head, OutputTensor? Tensor) : IDisposable
{
    /// <summary>Bytes of the JSON where a tensor comes behind it, before any compression.</summary>
    public int? JsonLength { get; init; }

    /// <summary>How it is compressed; null where it is not.</summary>
    public string? Encoding { get; init; }

    /// <summary>All bytes, in their order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Parts => [Head.Written, Tensor?.Data.Written ?? default];

    /// <summary>How many there are.</summary>
    public long Length => Parts.Sum(p => (long)p.Length);

    public void Dispose()
    {
        Head.Dispose();
        Tensor?.Dispose();
    }
}
