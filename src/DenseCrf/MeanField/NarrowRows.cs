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
        PixelList list = range.Computed;
        long opened = 0;
        for (int first = 0; first < list.Count; first += Block)
        {
            int count = Math.Min(Block, list.Count - first);
            float* exponents = range.Exponents + ((long)first * TRow.Lanes);
            unary.Import(range.Start + first, count, exponents, TRow.Lanes);
            Softmax(exponents, TRow.Lanes, null, list.Pixels + first, count, tile);
            opened = Open(range, opened, first + count);
            Splat(range, list.Pixels + first, count, tile, settled: 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override int Middle(in RangeView range)
    {
        float* memory = stackalloc float[(2 * Block * Stride) + CacheLine.Floats], tile = CacheLine.Align(memory);
        float* marginals = tile + (Block * Stride);
        TRow largest = TRow.Create(0);
        PixelList list = range.Computed;
        bool finds = range.Unsettled is not null;
        int unsettled = 0;
        long opened = 0;
        for (int at = 0; at < list.Count; at += Block)
        {
            int count = Math.Min(Block, list.Count - at);
            int* pixels = list.Pixels + at;
            opened = Open(range, opened, pixels[count - 1] + 1);
            Slice(range, pixels, count, tile);
            if (range.Momentum != 0)
            {
                Extrapolate(range, pixels, count, tile);
            }

            Softmax(tile, Stride, range.Residuals, pixels, count, marginals);
            for (int i = 0; i < count && range.Largest is not null; i++)
            {
                largest = TRow.Max(largest, TRow.Load(marginals + (i * Stride)));
            }

            uint settled = finds ? Decided(marginals, count, 1 - range.SettleBelow) : 0;
            Splat(range, pixels, count, marginals, settled);
            if (range.Previous is not null && range.Momentum == 0)
            {
                Remember(range, pixels, count, tile, settled);
            }

            for (int i = 0; i < count && finds; i++)
            {
                range.Unsettled[unsettled] = pixels[i];
                unsettled += (int)(~settled >> i) & 1;
            }
        }

        _ = Open(range, opened, range.Pixels);
        if (finds)
        {
            new Span<int>(range.Unsettled + unsettled, PixelList.ReadableAfterEnd).Clear();
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

        return unsettled;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Last(in RangeView range, ResultExporter results)
    {
        float* memory = stackalloc float[(Block * Stride) + CacheLine.Floats], tile = CacheLine.Align(memory);
        float* scales = stackalloc float[Block];
        PixelList list = range.Computed;
        for (int first = 0; first < list.Count; first += Block)
        {
            int count = Math.Min(Block, list.Count - first);
            Slice(range, list.Pixels + first, count, tile);
            Softmax(tile, Stride, range.Residuals, list.Pixels + first, count, tile, scales);
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

    /// <summary>Writes the exponents of a block of pixels: the unaries plus the messages of all kernels.</summary>
    private static void Slice(in RangeView range, int* pixels, int count, float* tile)
    {
        float* unaries = range.Exponents;
        for (int i = 0; i < count && range.Kernels.IsEmpty; i++)
        {
            TRow.Load(unaries + ((long)pixels[i] * TRow.Lanes)).Store(tile + (i * Stride));
        }

        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            RowMath<TRow>.Slice(kernel, pixels, count, unaries, tile, Stride);
            unaries = null;
        }
    }

    /// <summary>Stores the exponents of unsettled pixels, from which the next iteration extrapolates.</summary>
    private static void Remember(in RangeView range, int* pixels, int count, float* tile, uint settled)
    {
        for (int i = 0; i < count; i++)
        {
            if (((settled >> i) & 1) == 0)
            {
                TRow.Load(tile + (i * Stride)).Store(range.Previous + ((long)pixels[i] * TRow.Lanes));
            }
        }
    }

    /// <summary>
    /// Extrapolates the change of the exponents since the last iteration, and stores the exponents for the next one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Extrapolate(in RangeView range, int* pixels, int count, float* tile)
    {
        TRow forward = TRow.Create(1 + range.Momentum), back = TRow.Create(-range.Momentum);
        for (int i = 0; i < count; i++, tile += Stride)
        {
            float* previous = range.Previous + ((long)pixels[i] * TRow.Lanes);
            TRow exponents = TRow.Load(tile);
            TRow.MultiplyAdd(forward, exponents, back * TRow.Load(previous)).Store(tile);
            exponents.Store(previous);
        }
    }

    /// <summary>Writes the marginals of a block of pixels, and if wanted the factors from e^exponent to them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax(
        float* exponents, int stride, float* residuals, int* pixels, int count, float* tile, float* scales = null)
    {
        for (int i = 0; i < count; i++)
        {
            float residual = residuals is null ? 0 : residuals[pixels[i]];
            RowMath<TRow>.Softmax(TRow.Load(exponents + (i * stride)), residual, out float scale).Store(tile + (i * Stride));
            if (scales is not null)
            {
                scales[i] = scale;
            }
        }
    }

    /// <summary>
    /// Prepares the rows that pixels from <paramref name="from"/>, where a block of rows starts, to before
    /// <paramref name="end"/> are the first to touch. Returns where the next block starts.
    /// </summary>
    private static long Open(in RangeView range, long from, long end)
    {
        for (; from < end; from += PixelRanges.BlockPixels)
        {
            foreach (ref readonly KernelView kernel in range.Kernels)
            {
                RowMath<TRow>.Open(kernel, from / PixelRanges.BlockPixels, range.StartsFromHeld, range.Unsettled is not null);
            }
        }

        return from;
    }

    private static void Splat(in RangeView range, int* pixels, int count, float* tile, uint settled)
    {
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            RowMath<TRow>.Splat(kernel, pixels, count, tile, Stride, settled);
        }
    }

    /// <summary>The pixels of a block that have a label of at least this probability, as bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint Decided(float* marginals, int count, float least)
    {
        uint decided = 0;
        for (int i = 0; i < count; i++)
        {
            decided |= Convert.ToUInt32(TRow.Maximum(TRow.Load(marginals + (i * Stride))) >= least) << i;
        }

        return decided;
    }
}
