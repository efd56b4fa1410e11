using System.Runtime.CompilerServices;
using DenseCrf.Permutohedral;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>Rows that stay in registers from slice to splat: up to 32 labels.</summary>
/// <remarks>
/// One pass over the pixels for each iteration, so that marginals are never stored: the passes that whole-matrix code makes between
/// filter and softmax take most of its time.
/// </remarks>
internal sealed unsafe class NarrowRows<TRow> : RowOperations
    where TRow : struct, IRow<TRow>
{
    public override int Lanes => TRow.Lanes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void First(in SlabView slab, UnaryImporter unary)
    {
        for (long i = 0; i < slab.Pixels; i++)
        {
            if (i % UnaryImporter.Block == 0)
            {
                int count = (int)Math.Min(UnaryImporter.Block, slab.Pixels - i);
                unary.Import(slab.Start + i, count, slab.Exponents + (i * TRow.Lanes), TRow.Lanes);
            }

            Splat(slab, i, RowMath<TRow>.Softmax(TRow.Load(slab.Exponents + (i * TRow.Lanes)), 0, out _));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Middle(in SlabView slab)
    {
        TRow largest = TRow.Create(0);
        for (long i = 0; i < slab.Pixels; i++)
        {
            TRow exponents = Exponents(slab, i);
            if (slab.Previous is not null)
            {
                exponents = Extrapolated(slab, i, exponents);
            }

            TRow marginals = RowMath<TRow>.Softmax(exponents, slab.Residuals is null ? 0 : slab.Residuals[i], out _);
            largest = TRow.Max(largest, marginals);
            Splat(slab, i, marginals);
        }

        if (slab.Largest is not null)
        {
            largest.Store(slab.Largest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Last(in SlabView slab, ResultExporter results)
    {
        float* tile = stackalloc float[UnaryImporter.Block * TRow.Lanes], scales = stackalloc float[UnaryImporter.Block];
        for (long first = 0; first < slab.Pixels; first += UnaryImporter.Block)
        {
            int count = (int)Math.Min(UnaryImporter.Block, slab.Pixels - first);
            for (int i = 0; i < count; i++)
            {
                float residual = slab.Residuals is null ? 0 : slab.Residuals[first + i];
                RowMath<TRow>.Softmax(Exponents(slab, first + i), residual, out scales[i]).Store(tile + (i * TRow.Lanes));
            }

            results.Export(slab.Start + first, count, tile, TRow.Lanes, scales);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Prune(in SlabView slab, PrunedLabels kept)
    {
        TRow dropped = TRow.Load(kept.Dropped);
        for (long i = 0; i < slab.Pixels; i++)
        {
            float* exponents = slab.Exponents + (i * TRow.Lanes);
            slab.Residuals[i] = RowMath<TRow>.Sum(TRow.Exp(TRow.Load(exponents)) * dropped);
        }

        kept.Narrow(slab.Exponents, TRow.Lanes, slab.Pixels, slab.Exponents, PixelBuffers.Nothing);
    }

    public override void Blur(float* rows, ReadOnlySpan<int> chains) => RowMath<TRow>.Blur(rows, (nuint)TRow.Lanes, chains);

    public override void Merge(float* rows, ReadOnlySpan<(int Twin, int First)> pairs)
    {
        foreach ((int twin, int first) in pairs)
        {
            float* sum = rows + ((long)first * TRow.Lanes);
            (TRow.Load(sum) + TRow.Load(rows + ((long)twin * TRow.Lanes))).Store(sum);
        }
    }

    public override void Copy(float* rows, ReadOnlySpan<(int Twin, int First)> pairs)
    {
        foreach ((int twin, int first) in pairs)
        {
            TRow.Load(rows + ((long)first * TRow.Lanes)).Store(rows + ((long)twin * TRow.Lanes));
        }
    }

    /// <summary>Unary and messages of a pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TRow Exponents(in SlabView slab, long pixel)
    {
        TRow exponents = TRow.Load(slab.Exponents + (pixel * TRow.Lanes));
        foreach (ref readonly KernelView kernel in slab.Kernels)
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

    /// <summary>Goes further the way that the exponents went since the last iteration, and remembers them as they were.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TRow Extrapolated(in SlabView slab, long pixel, TRow exponents)
    {
        float* at = slab.Previous + (pixel * TRow.Lanes);
        TRow previous = TRow.Load(at);
        exponents.Store(at);
        return slab.Momentum == 0 ? exponents
            : TRow.MultiplyAdd(TRow.Create(1 + slab.Momentum), exponents, TRow.Create(-slab.Momentum) * previous);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Splat(in SlabView slab, long pixel, TRow marginals)
    {
        foreach (ref readonly KernelView kernel in slab.Kernels)
        {
            if (pixel % Slabs.BlockPixels == 0)
            {
                RowMath<TRow>.Clear(kernel, pixel / Slabs.BlockPixels, TRow.Lanes);
            }

            long at = pixel * kernel.Corners;
            RowMath<TRow>.Splat(kernel.Next, (nuint)TRow.Lanes, kernel.Ids + at, kernel.SplatWeights + at, kernel.Corners, marginals);
        }
    }
}
