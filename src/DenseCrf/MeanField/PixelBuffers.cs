using DenseCrf.Buffers;

namespace DenseCrf.MeanField;

/// <summary>What a refinement keeps for each pixel and for each label.</summary>
internal sealed class PixelBuffers(CrfWorkspace owner) : IDisposable
{
    /// <summary>Exponents −U of each pixel less their maximum, a row of labels each; unused lanes hold <see cref="Nothing"/>.</summary>
    public NativeBuffer<float> Exponents { get; } = new(owner);

    /// <summary>With pruning: what was subtracted from each pixel's exponents.</summary>
    public NativeBuffer<float> Shifts { get; } = new(owner);

    /// <summary>With pruning: the sum of e^exponent over the pruned labels of each pixel.</summary>
    public NativeBuffer<float> Residuals { get; } = new(owner);

    /// <summary>With fast quality: the exponents of the last iteration.</summary>
    public NativeBuffer<float> Previous { get; } = new(owner);

    /// <summary>Factors of the messages, for each kernel.</summary>
    public NativeBuffer<float> Compatibilities { get; } = new(owner);

    /// <summary>With pruning: the largest marginal of each label in each range.</summary>
    public NativeBuffer<float> Largest { get; } = new(owner);

    /// <summary>The exponent of a lane without a label: far below any energy, and finite, because 0 · ∞ is not 0.</summary>
    public const float Nothing = -1e30f;

    public void Dispose()
    {
        Exponents.Dispose();
        Shifts.Dispose();
        Residuals.Dispose();
        Previous.Dispose();
        Compatibilities.Dispose();
        Largest.Dispose();
    }
}
