using InferenceServer.Kernels.Crf.Buffers;

namespace InferenceServer.Kernels.Crf.MeanField;

/// <summary>The labels that stay, and how rows of all labels become rows of these.</summary>
internal sealed unsafe class PrunedLabels
{
    private readonly int[] _kept;
    private readonly RowOperations _rows;

    /// <param name="kept">Labels that stay, ascending.</param>
    /// <param name="labels">Labels so far.</param>
    /// <param name="rows">Of the width that the kept labels need.</param>
    /// <param name="dropped">Gets 1 for each dropped label, else 0, as long as a row so far.</param>
    public PrunedLabels(int[] kept, int labels, RowOperations rows, Span<float> dropped)
    {
        (_kept, _rows) = (kept, rows);
        dropped.Clear();
        dropped[..labels].Fill(1);
        foreach (int label in kept)
        {
            dropped[label] = 0;
        }

        fixed (float* first = dropped)
        {
            Dropped = first;   // native memory, which does not move
        }
    }

    public ReadOnlySpan<int> Kept => _kept;

    public float* Dropped { get; }

    /// <summary>Stores a pixel's unary in its new place and splats its marginals.</summary>
    public void Adopt(in SlabView slab, long pixel, float* unary, float* exponents)
    {
        int lanes = _rows.Lanes;
        float* own = slab.Exponents + (pixel * lanes);
        for (int i = 0; i < _kept.Length; i++)
        {
            own[i] = unary[_kept[i]];
            exponents[i] = exponents[_kept[i]];   // ascending, so nothing is overwritten before it is read
        }

        for (int i = _kept.Length; i < lanes; i++)
        {
            own[i] = exponents[i] = PixelBuffers.Nothing;
        }

        _rows.Adopt(slab, pixel, exponents);
    }
}
