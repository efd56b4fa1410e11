using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>A message while it is being read. Whoever holds it disposes it.</summary>
/// <param name="Length">Bytes of the whole message.</param>
/// <param name="Bytes">Those that have come.</param>
internal sealed record GrpcPart(int Length, PooledBufferWriter Bytes) : IDisposable
{
    public void Dispose() => Bytes.Dispose();
}
