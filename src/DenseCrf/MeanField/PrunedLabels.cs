namespace DenseCrf.MeanField;

/// <summary>The labels that pruning keeps. Turns rows of all labels into shorter rows of the kept labels.</summary>
internal sealed unsafe class PrunedLabels
{
    private readonly int[] _kept;

    /// <param name="kept">The kept labels, ascending.</param>
    /// <param name="labels">Number of labels before pruning.</param>
    /// <param name="lanes">Values in a row of the kept labels.</param>
    /// <param name="dropped">
    /// Receives 1 for each dropped label and else 0. In native memory; as long as a row before pruning.
    /// </param>
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
            Dropped = first;   // stays valid, because native memory does not move
        }
    }

    public ReadOnlySpan<int> Kept => _kept;

    /// <summary>Values from one row of the kept labels to the next.</summary>
    public int Lanes { get; }

    /// <summary>1 for each dropped label and else 0, in the order of the lanes before pruning.</summary>
    public float* Dropped { get; }

    /// <summary>Copies rows of all labels to rows of the kept labels.</summary>
    /// <param name="rows">Rows of all labels.</param>
    /// <param name="lanes">Values from one of these rows to the next.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="target">
    /// Receives the shorter rows. May be <paramref name="rows"/>, since labels ascend and rows only get shorter.
    /// </param>
    /// <param name="filler">The value of lanes without a label.</param>
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
