using System.Runtime.CompilerServices;
using DenseCrf.Buffers;
using DenseCrf.Permutohedral;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>Operations on rows of up to 32 labels, which stay in the first-level cache from slice to splat.</summary>
/// <remarks>
/// <para>Each iteration is one pass over the pixels, and marginals are never stored in memory. Code that works on whole
/// matrices spends most of its time in the passes between filter and softmax.</para>
/// <para>A pass goes through slice, softmax and splat a block of pixels at a time. Within one step the pixels of a block
/// do not wait for each other; pixel by pixel, the processor would wait for the latencies of all three steps in
/// turn.</para>
/// </remarks>
internal sealed unsafe class NarrowRows<TRow> : RowOperations
    where TRow : struct, IRow<TRow>
{
    private const int Block = PixelBlock.Points;

    /// <summary>Values from one row of a block to the next: rows start on cache lines.</summary>
    private static int Stride
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (TRow.Lanes + CacheLine.Floats - 1) / CacheLine.Floats * CacheLine.Floats;
    }

    public override int Lanes => TRow.Lanes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void First(in RangeView range, UnaryImporter unary)
    {
        float* memory = stackalloc float[(Block * Stride) + CacheLine.Floats], tile = CacheLine.Align(memory);
        for (long first = 0; first < range.Pixels; first += Block)
        {
            int count = (int)Math.Min(Block, range.Pixels - first);
            float* exponents = range.Exponents + (first * TRow.Lanes);
            unary.Import(range.Start + first, count, exponents, TRow.Lanes);
            Softmax(exponents, TRow.Lanes, null, count, tile);
            Open(range, first);
            Splat(range, first, count, tile, settled: false);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Middle(in RangeView range)
    {
        float* memory = stackalloc float[(2 * Block * Stride) + CacheLine.Floats], tile = CacheLine.Align(memory);
        float* marginals = tile + (Block * Stride);
        TRow largest = TRow.Create(0);
        bool finds = range.SettleBelow > 0, skips = range.Settled is not null && !finds;
        for (long first = 0; first < range.Pixels; first += Block)
        {
            Open(range, first);
            if (skips && range.Settled[first / Block] != 0)
            {
                continue;
            }

            int count = (int)Math.Min(Block, range.Pixels - first);
            Slice(range, first, count, tile);
            if (range.Momentum != 0)
            {
                Extrapolate(range, first, count, tile);
            }

            Softmax(tile, Stride, Residuals(range, first), count, marginals);
            for (int i = 0; i < count && range.Largest is not null; i++)
            {
                largest = TRow.Max(largest, TRow.Load(marginals + (i * Stride)));
            }

            bool settled = finds && AreDecided(marginals, count, 1 - range.SettleBelow);
            Splat(range, first, count, marginals, settled);
            if (finds)
            {
                range.Settled[first / Block] = Convert.ToByte(settled);
            }

            if (range.Previous is not null && range.Momentum == 0 && !settled)
            {
                Remember(range, first, count, tile);
            }
        }

        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            if (finds && range.Pixels > 0)
            {
                RowMath<TRow>.AddHeld(kernel, range.Pixels);
            }
        }

        if (range.Largest is not null)
        {
            largest.Store(range.Largest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Last(in RangeView range, ResultExporter results)
    {
        float* memory = stackalloc float[(Block * Stride) + CacheLine.Floats], tile = CacheLine.Align(memory);
        float* scales = stackalloc float[Block];
        for (long first = 0; first < range.Pixels; first += Block)
        {
            int count = (int)Math.Min(Block, range.Pixels - first);
            Slice(range, first, count, tile);
            Softmax(tile, Stride, Residuals(range, first), count, tile, scales);
            results.Export(range.Start + first, count, tile, Stride, scales);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Prune(in RangeView range, PrunedLabels kept)
    {
        TRow dropped = TRow.Load(kept.Dropped);
        for (long i = 0; i < range.Pixels; i++)
        {
            float* exponents = range.Exponents + (i * TRow.Lanes);
            range.Residuals[i] = RowMath<TRow>.Sum(TRow.Exp(TRow.Load(exponents)) * dropped);
        }

        kept.Narrow(range.Exponents, TRow.Lanes, range.Pixels, range.Exponents, PixelBuffers.UnusedLane);
    }

    public override void Blur(float* rows, ReadOnlySpan<int> chains) => RowMath<TRow>.Blur(rows, (nuint)TRow.Lanes, chains);

    public override void Merge(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs)
    {
        foreach ((int duplicate, int first) in pairs)
        {
            float* sum = rows + ((long)first * TRow.Lanes);
            (TRow.Load(sum) + TRow.Load(rows + ((long)duplicate * TRow.Lanes))).Store(sum);
        }
    }

    public override void Copy(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs)
    {
        foreach ((int duplicate, int first) in pairs)
        {
            TRow.Load(rows + ((long)first * TRow.Lanes)).Store(rows + ((long)duplicate * TRow.Lanes));
        }
    }

    private static float* Residuals(in RangeView range, long first)
    {
        if (range.Residuals is null)
        {
            return null;
        }

        return range.Residuals + first;
    }

    /// <summary>Writes the exponents of a block of pixels: the unaries plus the messages of all kernels.</summary>
    private static void Slice(in RangeView range, long first, int count, float* tile)
    {
        float* exponents = range.Exponents + (first * TRow.Lanes);
        int stride = TRow.Lanes;
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            RowMath<TRow>.Slice(kernel, first, count, exponents, stride, tile, Stride);
            exponents = tile;
            stride = Stride;
        }

        for (int i = 0; i < count && range.Kernels.IsEmpty; i++)
        {
            TRow.Load(exponents + (i * TRow.Lanes)).Store(tile + (i * Stride));
        }
    }

    /// <summary>Stores the exponents of a block of pixels, from which the next iteration extrapolates.</summary>
    private static void Remember(in RangeView range, long first, int count, float* tile)
    {
        float* previous = range.Previous + (first * TRow.Lanes);
        for (int i = 0; i < count; i++)
        {
            TRow.Load(tile + (i * Stride)).Store(previous + (i * TRow.Lanes));
        }
    }

    /// <summary>
    /// Extrapolates the change of the exponents since the last iteration, and stores the exponents for the next one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Extrapolate(in RangeView range, long first, int count, float* tile)
    {
        float* at = range.Previous + (first * TRow.Lanes);
        TRow forward = TRow.Create(1 + range.Momentum), back = TRow.Create(-range.Momentum);
        for (int i = 0; i < count; i++, at += TRow.Lanes, tile += Stride)
        {
            TRow exponents = TRow.Load(tile);
            TRow.MultiplyAdd(forward, exponents, back * TRow.Load(at)).Store(tile);
            exponents.Store(at);
        }
    }

    /// <summary>Writes the marginals of a block of pixels, and if wanted the factors from e^exponent to them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax(float* exponents, int stride, float* residuals, int count, float* tile, float* scales = null)
    {
        for (int i = 0; i < count; i++)
        {
            float residual = residuals is null ? 0 : residuals[i];
            RowMath<TRow>.Softmax(TRow.Load(exponents + (i * stride)), residual, out float scale).Store(tile + (i * Stride));
            if (scales is not null)
            {
                scales[i] = scale;
            }
        }
    }

    /// <summary>Prepares the rows that a block of pixels is the first to touch.</summary>
    private static void Open(in RangeView range, long first)
    {
        if (first % PixelRanges.BlockPixels != 0)
        {
            return;
        }

        long block = first / PixelRanges.BlockPixels;
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            if (range.Settled is null || range.SettleBelow > 0)
            {
                RowMath<TRow>.Clear(kernel, kernel.Next, block, TRow.Lanes);
            }
            else
            {
                RowMath<TRow>.CopyHeld(kernel, block, TRow.Lanes);
            }

            if (range.SettleBelow > 0)
            {
                RowMath<TRow>.Clear(kernel, kernel.Held, block, TRow.Lanes);
            }
        }
    }

    private static void Splat(in RangeView range, long first, int count, float* tile, bool settled)
    {
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            RowMath<TRow>.Splat(kernel, first, count, tile, Stride, settled ? kernel.Held : kernel.Next);
        }
    }

    /// <summary>Whether every pixel of a block has a label of at least this probability.</summary>
    private static bool AreDecided(float* tile, int count, float least)
    {
        float lowest = 1;
        for (int i = 0; i < count; i++)
        {
            lowest = Math.Min(lowest, TRow.Maximum(TRow.Load(tile + (i * Stride))));
        }

        return lowest >= least;
    }
}
