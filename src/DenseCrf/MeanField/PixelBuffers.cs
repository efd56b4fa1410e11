using DenseCrf.Buffers;

namespace DenseCrf.MeanField;

/// <summary>The buffers that hold values for each pixel and for each label.</summary>
internal sealed class PixelBuffers(CrfWorkspace owner) : IDisposable
{
    /// <summary>
    /// The exponent of a lane without a label: far below any energy, and finite, because 0 · ∞ is not 0.
    /// </summary>
    public const float UnusedLane = -1e30f;

    /// <summary>
    /// A row of exponents −U for each pixel, less the largest of them; lanes without a label hold
    /// <see cref="UnusedLane"/>.
    /// </summary>
    public NativeBuffer<float> Exponents { get; } = new(owner);

    /// <summary>With pruning: what was subtracted from each pixel's exponents.</summary>
    public NativeBuffer<float> Shifts { get; } = new(owner);

    /// <summary>With pruning: the sum of e^exponent over the pruned labels of each pixel.</summary>
    public NativeBuffer<float> Residuals { get; } = new(owner);

    /// <summary>With fast quality: the exponents of the last iteration.</summary>
    public NativeBuffer<float> Previous { get; } = new(owner);

    /// <summary>0, 1, 2 and so on: the pixels of a range in a pass that computes all of them.</summary>
    public NativeBuffer<int> Numbers { get; } = new(owner);

    /// <summary>The pixels of each range that are not settled.</summary>
    public NativeBuffer<int> Unsettled { get; } = new(owner);

    /// <summary>The factors of the messages, for each kernel.</summary>
    public NativeBuffer<float> Compatibilities { get; } = new(owner);

    /// <summary>With pruning: the largest marginal of each label in each range of pixels.</summary>
    public NativeBuffer<float> Largest { get; } = new(owner);

    public void Dispose()
    {
        Exponents.Dispose();
        Shifts.Dispose();
        Residuals.Dispose();
        Previous.Dispose();
        Numbers.Dispose();
        Unsettled.Dispose();
        Compatibilities.Dispose();
        Largest.Dispose();
    }
}
