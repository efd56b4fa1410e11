using System.Runtime.CompilerServices;
using DenseCrf.Permutohedral;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>Operations on rows of up to 32 labels, which stay in registers from slice to splat.</summary>
/// <remarks>
/// Each iteration is one pass over the pixels, and marginals are never stored. Code that works on whole matrices spends
/// most of its time in the passes between filter and softmax.
/// </remarks>
internal sealed unsafe class NarrowRows<TRow> : RowOperations
    where TRow : struct, IRow<TRow>
{
    public override int Lanes => TRow.Lanes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void First(in RangeView range, UnaryImporter unary)
    {
        for (long i = 0; i < range.Pixels; i++)
        {
            if (i % UnaryImporter.Block == 0)
            {
                int count = (int)Math.Min(UnaryImporter.Block, range.Pixels - i);
                unary.Import(range.Start + i, count, range.Exponents + (i * TRow.Lanes), TRow.Lanes);
            }

            Splat(range, i, RowMath<TRow>.Softmax(TRow.Load(range.Exponents + (i * TRow.Lanes)), 0, out _));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Middle(in RangeView range)
    {
        TRow largest = TRow.Create(0);
        for (long i = 0; i < range.Pixels; i++)
        {
            TRow exponents = Exponents(range, i);
            if (range.Previous is not null)
            {
                exponents = Extrapolated(range, i, exponents);
            }

            TRow marginals = RowMath<TRow>.Softmax(exponents, range.Residuals is null ? 0 : range.Residuals[i], out _);
            largest = TRow.Max(largest, marginals);
            Splat(range, i, marginals);
        }

        if (range.Largest is not null)
        {
            largest.Store(range.Largest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Last(in RangeView range, ResultExporter results)
    {
        float* tile = stackalloc float[UnaryImporter.Block * TRow.Lanes], scales = stackalloc float[UnaryImporter.Block];
        for (long first = 0; first < range.Pixels; first += UnaryImporter.Block)
        {
            int count = (int)Math.Min(UnaryImporter.Block, range.Pixels - first);
            for (int i = 0; i < count; i++)
            {
                float residual = range.Residuals is null ? 0 : range.Residuals[first + i];
                RowMath<TRow>.Softmax(Exponents(range, first + i), residual, out scales[i]).Store(tile + (i * TRow.Lanes));
            }

            results.Export(range.Start + first, count, tile, TRow.Lanes, scales);
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

    /// <summary>The exponents of a pixel: its unary plus the messages of all kernels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TRow Exponents(in RangeView range, long pixel)
    {
        TRow exponents = TRow.Load(range.Exponents + (pixel * TRow.Lanes));
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            long at = pixel * kernel.Corners;
            if (kernel.Prefetches)
            {
                RowMath<TRow>.Prefetch(kernel, at);
            }

            TRow message = RowMath<TRow>.Slice(kernel.Rows, (nuint)TRow.Lanes, kernel.Ids + at, kernel.SliceWeights + at, kernel.Corners);
            exponents = TRow.MultiplyAdd(message, TRow.Load(kernel.Compatibility), exponents);
        }

        return exponents;
    }

    /// <summary>
    /// Extrapolates the change of the exponents since the last iteration, and stores the exponents for the next one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TRow Extrapolated(in RangeView range, long pixel, TRow exponents)
    {
        float* at = range.Previous + (pixel * TRow.Lanes);
        TRow previous = TRow.Load(at);
        exponents.Store(at);
        if (range.Momentum == 0)
        {
            return exponents;
        }

        return TRow.MultiplyAdd(TRow.Create(1 + range.Momentum), exponents, TRow.Create(-range.Momentum) * previous);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Splat(in RangeView range, long pixel, TRow marginals)
    {
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            if (pixel % PixelRanges.BlockPixels == 0)
            {
                RowMath<TRow>.Clear(kernel, pixel / PixelRanges.BlockPixels, TRow.Lanes);
            }

            long at = pixel * kernel.Corners;
            RowMath<TRow>.Splat(kernel.Next, (nuint)TRow.Lanes, kernel.Ids + at, kernel.SplatWeights + at, kernel.Corners, marginals);
        }
    }
}
