using System.Numerics;
using System.Runtime.CompilerServices;
using DenseCrf.Permutohedral;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>
/// Writes marginals to the caller's planes, or the likeliest labels to the label map, and restores pruned labels.
/// </summary>
internal sealed unsafe class ResultExporter(in CrfCall call, UnaryImporter unary, float* shifts)
{
    private readonly float* _planes = call.Marginals;
    private readonly byte* _labelMap = call.LabelMap;
    private readonly int _labels = call.Labels;
    private readonly PixelOrder _order = new(call.Size);
    private readonly long _pixels = call.Size.Pixels;
    private int[]? _kept;

    /// <summary>Tells the exporter that rows now hold these labels only, so that it restores the others.</summary>
    public void Restore(ReadOnlySpan<int> kept) => _kept = kept.ToArray();

    /// <summary>Writes the results of a block of pixels.</summary>
    /// <param name="first">Number of the first pixel.</param>
    /// <param name="count">Number of pixels, at most a block.</param>
    /// <param name="rows">A row of marginals for each pixel.</param>
    /// <param name="lanes">Values from one row to the next.</param>
    /// <param name="scales">For each pixel, the factor from e^exponent to the marginal.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]   // clearing the block takes 1 KiB of stores for each pixel
    public void Export(long first, int count, float* rows, int lanes, float* scales)
    {
        const int Block = UnaryImporter.Block;
        float* tile = stackalloc float[Block * CrfInference.MaxLabels];
        PixelBlock block = _order.Block(first, count);
        int known = _kept?.Length ?? _labels;
        for (int lane = 0; lane < known; lane += 4)
        {
            for (int i = 0; i < count; i += 4)
            {
                FourByFour.Transpose(rows + (i * lanes) + lane, lanes, tile + (lane * Block) + i, Block);
            }
        }

        if (_kept is not null)
        {
            RestorePruned(_kept, first, block, tile, scales);
        }

        if (_labelMap is not null)
        {
            ArgMax(tile, block);
            return;
        }

        for (int label = 0; label < _labels; label++)
        {
            float* plane = _planes + (label * _pixels), marginals = tile + (label * Block);
            _order.PrefetchBelow(plane + block.Pixel(0));
            if (block.IsRun)
            {
                new Span<float>(marginals, Block).CopyTo(new Span<float>(plane + block.Pixel(0), Block));
                continue;
            }

            for (int i = 0; i < count; i++)
            {
                plane[block.Pixel(i)] = marginals[i];
            }
        }
    }

    /// <summary>
    /// Moves the planes of the kept labels to their places, and restores the others. From the last label to the first: the
    /// place of a kept label is never before its plane.
    /// </summary>
    private void RestorePruned(int[] kept, long first, in PixelBlock block, float* tile, float* scales)
    {
        const int Block = UnaryImporter.Block;
        int lane = kept.Length - 1;
        for (int label = _labels - 1; label >= 0; label--)
        {
            float* marginals = tile + (label * Block);
            if (lane < 0 || kept[lane] != label)
            {
                RestorePruned(label, first, block, marginals, scales);
                continue;
            }

            new Span<float>(tile + (lane * Block), Block).CopyTo(new Span<float>(marginals, Block));
            lane--;
        }
    }

    private void RestorePruned(int label, long first, in PixelBlock block, float* marginals, float* scales)
    {
        unary.Load(label, block, marginals);
        for (int i = 0; i < UnaryImporter.Block; i += Row8.Lanes)
        {
            Row8 exponent = Row8.MultiplyAdd(Row8.Create(-1), Row8.Load(shifts + first + i), Row8.Load(marginals + i));
            (Row8.Exp(exponent) * Row8.Load(scales + i)).Store(marginals + i);
        }
    }

    private void ArgMax(float* tile, in PixelBlock block)
    {
        const int Block = UnaryImporter.Block;
        int* winners = stackalloc int[Block];
        for (int i = 0; i < Block; i += Vector<float>.Count)
        {
            Vector<float> best = new(-1);
            Vector<int> winner = Vector<int>.Zero;
            for (int label = 0; label < _labels; label++)
            {
                Vector<float> marginals = Vector.Load(tile + (label * Block) + i);
                Vector<int> wins = Vector.GreaterThan(marginals, best);
                best = Vector.ConditionalSelect(wins, marginals, best);
                winner = Vector.ConditionalSelect(wins, new Vector<int>(label), winner);
            }

            Vector.Store(winner, winners + i);
        }

        for (int i = 0; i < block.Count; i++)
        {
            _labelMap[block.Pixel(i)] = (byte)winners[i];
        }
    }
}
