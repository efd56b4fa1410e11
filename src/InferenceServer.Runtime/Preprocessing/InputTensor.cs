using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>The network's input: float32, N×3×H×W. Whoever holds it disposes it.</summary>
internal sealed class InputTensor(int batch, ImageSize size) : IDisposable
{
    private readonly PooledBuffer<float> _values = new(checked((int)(batch * 3 * size.Pixels)));

    /// <summary>Number of images.</summary>
    public int Batch { get; } = batch;

    /// <summary>Height and width of each.</summary>
    public ImageSize Size { get; } = size;

    /// <summary>N×3×H×W, in the order of the axes.</summary>
    public Memory<float> Values => _values.Memory;

    /// <summary>N, 3, H, W.</summary>
    public long[] Shape => [Batch, 3, Size.Height, Size.Width];

    /// <summary>Lays inputs of one size behind one another, for one run of all.</summary>
    /// <param name="inputs">One or more, each 1×3×H×W; not disposed.</param>
    /// <returns>N×3×H×W, which the caller disposes.</returns>
    public static InputTensor Stack(IReadOnlyList<InputTensor> inputs)
    {
        InputTensor together = new(inputs.Count, inputs[0].Size);
        int length = together.Values.Length / inputs.Count;
        for (int i = 0; i < inputs.Count; i++)
        {
            inputs[i].Values.CopyTo(together.Values.Slice(i * length, length));
        }

        return together;
    }

    /// <summary>Gives the memory back to the pool.</summary>
    public void Dispose() => _values.Dispose();
}
