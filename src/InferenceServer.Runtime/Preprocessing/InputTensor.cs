using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>The network's input: float32, N×3×H×W. Whoever holds it disposes it.</summary>
public sealed class InputTensor(int batch, ImageSize size) : IDisposable
{
    private readonly PooledBuffer<float> _values = new(checked((int)(batch * 3 * size.Pixels)));

    /// <summary>Number of images.</summary>
    public int Batch { get; } = batch;

    /// <summary>Height and width of each.</summary>
    public ImageSize Size { get; } = size;

    /// <summary>N×3×H×W, in the order of the axes.</summary>
    public Memory<float> Values => _values.Memory;

    /// <summary>Gives the memory back to the pool.</summary>
    public void Dispose() => _values.Dispose();
}
