using System.Numerics;
using System.Runtime.CompilerServices;
using InferenceServer.Kernels.Crf.Rows;

namespace InferenceServer.Kernels.Crf.MeanField;

/// <summary>Writes rows of marginals to the caller's planes, or their first maxima to the label map, and restores pruned labels.</summary>
internal sealed unsafe class ResultExporter(float* planes, byte* labelMap, int labels, long pixels, UnaryImporter unary, float* shifts)
{
    private int[]? _kept;

    /// <summary>From now on rows hold only these labels.</summary>
    public void Restore(ReadOnlySpan<int> kept) => _kept = kept.ToArray();

    /// <param name="first">The first pixel.</param>
    /// <param name="count">Up to a block.</param>
    /// <param name="rows">Marginals by pixel.</param>
    /// <param name="lanes">Values from one row to the next.</param>
    /// <param name="scales">What e^exponent of each pixel is multiplied by.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Export(long first, int count, float* rows, int lanes, float* scales)
    {
        const int Block = UnaryImporter.Block;
        float* tile = stackalloc float[Block * DenseCrf.MaxLabels];
        for (int lane = 0, label = 0; label < labels; label++)
        {
            float* marginals = tile + (label * Block);
            if (_kept is not null && (lane == _kept.Length || _kept[lane] != label))
            {
                RestorePruned(label, first, count, marginals, scales);
                continue;
            }

            for (int i = 0; i < count; i++)
            {
                marginals[i] = rows[(i * lanes) + lane];
            }

            lane++;
        }

        if (labelMap is not null)
        {
            ArgMax(tile, first, count);
            return;
        }

        for (int label = 0; label < labels; label++)
        {
            new Span<float>(tile + (label * Block), count).CopyTo(new Span<float>(planes + (label * pixels) + first, count));
        }
    }

    private void RestorePruned(int label, long first, int count, float* marginals, float* scales)
    {
        unary.Load(label, first, count, marginals);
        for (int i = 0; i < count; i++)
        {
            marginals[i] -= shifts[first + i];
        }

        for (int i = 0; i < UnaryImporter.Block; i += Row8.Lanes)
        {
            (Row8.Exp(Row8.Load(marginals + i)) * Row8.Load(scales + i)).Store(marginals + i);
        }
    }

    private void ArgMax(float* tile, long first, int count)
    {
        const int Block = UnaryImporter.Block;
        int* winners = stackalloc int[Block];
        for (int i = 0; i < Block; i += Vector<float>.Count)
        {
            Vector<float> best = new(-1);
            Vector<int> winner = Vector<int>.Zero;
            for (int label = 0; label < labels; label++)
            {
                Vector<float> marginals = Vector.Load(tile + (label * Block) + i);
                Vector<int> wins = Vector.GreaterThan(marginals, best);
                best = Vector.ConditionalSelect(wins, marginals, best);
                winner = Vector.ConditionalSelect(wins, new Vector<int>(label), winner);
            }

            Vector.Store(winner, winners + i);
        }

        for (int i = 0; i < count; i++)
        {
            labelMap[first + i] = (byte)winners[i];
        }
    }
}
