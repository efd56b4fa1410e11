using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Postprocessing;

/// <summary>The class of every pixel of an image, and on request its confidence. The caller disposes the
/// mask.</summary>
internal sealed class Mask : IDisposable
{
    private readonly PooledBuffer<byte> _labels;
    private readonly PooledBuffer<byte>? _confidence;
    private readonly PooledBuffer<float>? _probabilities;

    internal Mask(ImageSize size, bool withConfidence, PooledBuffer<float>? probabilities = null)
    {
        int pixels = checked((int)size.Pixels);
        Size = size;
        _labels = new PooledBuffer<byte>(pixels);
        _confidence = withConfidence ? new PooledBuffer<byte>(pixels) : null;
        _probabilities = probabilities;
    }

    /// <summary>The image's size.</summary>
    public ImageSize Size { get; }

    /// <summary>Class indices, HW.</summary>
    public Memory<byte> Labels => _labels.Memory;

    /// <summary>Probability of each pixel's class × 255, HW; empty unless requested.</summary>
    public Memory<byte> Confidence => _confidence?.Memory ?? default;

    /// <summary>Probability of every class, CHW, from the network; empty unless requested.</summary>
    public Memory<float> Probabilities => _probabilities?.Memory ?? default;

    /// <summary>Returns the memory to the pool.</summary>
    public void Dispose()
    {
        _probabilities?.Dispose();
        _labels.Dispose();
        _confidence?.Dispose();
    }
}
