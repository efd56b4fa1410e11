using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference;

/// <summary>An output of an answer. Whoever holds it disposes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Datatype">Its element type.</param>
/// <param name="Shape">Its sides.</param>
/// <param name="Data">The elements in the order of the axes, little-endian.</param>
internal sealed record OutputTensor(string Name, string Datatype, IReadOnlyList<long> Shape, PooledBufferWriter Data) : IDisposable
{
    public void Dispose() => Data.Dispose();
}
