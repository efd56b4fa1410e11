namespace DenseCrf.MeanField;

/// <summary>The labels that stay, and how rows of all labels become rows of these.</summary>
internal sealed unsafe class PrunedLabels
{
    private readonly int[] _kept;

    /// <param name="kept">Labels that stay, ascending.</param>
    /// <param name="labels">Labels so far.</param>
    /// <param name="lanes">Values of a row of the kept labels.</param>
    /// <param name="dropped">Gets 1 for each dropped label, else 0, as long as a row so far.</param>
    public PrunedLabels(int[] kept, int labels, int lanes, Span<float> dropped)
    {
        (_kept, Lanes) = (kept, lanes);
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

    /// <summary>Values from one row of the kept labels to the next.</summary>
    public int Lanes { get; }

    public float* Dropped { get; }

    /// <summary>Rows of the kept labels from rows of all.</summary>
    /// <param name="rows">Of all labels.</param>
    /// <param name="lanes">Values from one of them to the next.</param>
    /// <param name="count">Of rows.</param>
    /// <param name="target">May be <paramref name="rows"/>: the new rows are shorter, and their labels ascend.</param>
    /// <param name="filler">For lanes without a label.</param>
    public void Narrow(float* rows, int lanes, long count, float* target, float filler)
    {
        ReadOnlySpan<int> kept = _kept;
        for (long i = 0; i < count; i++, rows += lanes, target += Lanes)
        {
            for (int lane = 0; lane < kept.Length; lane++)
            {
                target[lane] = rows[kept[lane]];
            }

            for (int lane = kept.Length; lane < Lanes; lane++)
            {
                target[lane] = filler;
            }
        }
    }
}
