using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DenseCrf.Permutohedral;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>
/// Operations on rows of any length, block by block, with a pixel's row on the stack: for many labels or a matrix
/// compatibility.
/// </summary>
internal sealed unsafe class WideRows<TBlock>(int lanes) : RowOperations
    where TBlock : struct, IRow<TBlock>
{
    public override int Lanes => lanes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void First(in RangeView range, UnaryImporter unary)
    {
        float* row = stackalloc float[lanes];
        for (long i = 0; i < range.Pixels; i++)
        {
            if (i % UnaryImporter.Block == 0)
            {
                int count = (int)Math.Min(UnaryImporter.Block, range.Pixels - i);
                unary.Import(range.Start + i, count, range.Exponents + (i * lanes), lanes);
            }

            NativeMemory.Copy(range.Exponents + (i * lanes), row, (nuint)lanes * sizeof(float));
            Softmax(row, 0);
            Splat(range, i, row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override int Middle(in RangeView range)
    {
        float* row = stackalloc float[lanes], message = stackalloc float[lanes], largest = stackalloc float[lanes];
        new Span<float>(largest, lanes).Clear();
        for (long i = 0; i < range.Pixels; i++)
        {
            Exponents(range, i, row, message);
            Softmax(row, Residual(range, i));
            for (int at = 0; at < lanes && range.Largest is not null; at += TBlock.Lanes)
            {
                TBlock.Max(TBlock.Load(largest + at), TBlock.Load(row + at)).Store(largest + at);
            }

            Splat(range, i, row);
        }

        if (range.Largest is not null)
        {
            NativeMemory.Copy(largest, range.Largest, (nuint)lanes * sizeof(float));
        }

        return 0;   // settles nothing
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Last(in RangeView range, ResultExporter results)
    {
        float* tile = stackalloc float[UnaryImporter.Block * lanes], message = stackalloc float[lanes];
        float* scales = stackalloc float[UnaryImporter.Block];
        for (long first = 0; first < range.Pixels; first += UnaryImporter.Block)
        {
            int count = (int)Math.Min(UnaryImporter.Block, range.Pixels - first);
            for (int i = 0; i < count; i++)
            {
                Exponents(range, first + i, tile + (i * lanes), message);
                scales[i] = Softmax(tile + (i * lanes), Residual(range, first + i));
            }

            results.Export(range.Start + first, count, tile, lanes, scales);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Prune(in RangeView range, PrunedLabels kept)
    {
        for (long i = 0; i < range.Pixels; i++)
        {
            float* exponents = range.Exponents + (i * lanes);
            TBlock residual = TBlock.Create(0);
            for (int at = 0; at < lanes; at += TBlock.Lanes)
            {
                residual = TBlock.MultiplyAdd(TBlock.Exp(TBlock.Load(exponents + at)), TBlock.Load(kept.Dropped + at), residual);
            }

            range.Residuals[i] = RowMath<TBlock>.Sum(residual);
        }

        kept.Narrow(range.Exponents, lanes, range.Pixels, range.Exponents, PixelBuffers.UnusedLane);
    }

    public override void Blur(float* rows, ReadOnlySpan<int> chains)
    {
        for (int at = 0; at < lanes; at += TBlock.Lanes)
        {
            RowMath<TBlock>.Blur(rows + at, (nuint)lanes, chains);
        }
    }

    public override void Merge(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs)
    {
        foreach ((int duplicate, int first) in pairs)
        {
            float* sum = rows + ((long)first * lanes), addend = rows + ((long)duplicate * lanes);
            for (int at = 0; at < lanes; at += TBlock.Lanes)
            {
                (TBlock.Load(sum + at) + TBlock.Load(addend + at)).Store(sum + at);
            }
        }
    }

    public override void Copy(float* rows, ReadOnlySpan<(int Duplicate, int First)> pairs)
    {
        foreach ((int duplicate, int first) in pairs)
        {
            NativeMemory.Copy(rows + ((long)first * lanes), rows + ((long)duplicate * lanes), (nuint)lanes * sizeof(float));
        }
    }

    private static float Residual(in RangeView range, long pixel)
    {
        if (range.Residuals is null)
        {
            return 0;
        }

        return range.Residuals[pixel];
    }

    private void Exponents(in RangeView range, long pixel, float* row, float* message)
    {
        NativeMemory.Copy(range.Exponents + (pixel * lanes), row, (nuint)lanes * sizeof(float));
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            long first = pixel * kernel.Corners;
            for (int at = 0; at < lanes; at += TBlock.Lanes)
            {
                TBlock value = RowMath<TBlock>.Slice(
                    kernel.Rows + at, (nuint)lanes, kernel.Ids + first, kernel.SliceWeights + first, kernel.Corners);
                if (kernel.Matrix is not null)
                {
                    value.Store(message + at);
                    continue;
                }

                TBlock.MultiplyAdd(value, TBlock.Load(kernel.Compatibility + at), TBlock.Load(row + at)).Store(row + at);
            }

            for (int from = 0; kernel.Matrix is not null && from < kernel.MatrixColumns; from++)
            {
                TBlock value = TBlock.Create(message[from]);
                float* column = kernel.Matrix + (from * lanes);
                for (int at = 0; at < lanes; at += TBlock.Lanes)
                {
                    TBlock.MultiplyAdd(value, TBlock.Load(column + at), TBlock.Load(row + at)).Store(row + at);
                }
            }
        }
    }

    /// <summary>
    /// Softmax in place. Always subtracts the maximum, which costs little here. Returns what e^exponent was multiplied
    /// by.
    /// </summary>
    private float Softmax(float* row, float residual)
    {
        TBlock largest = TBlock.Load(row);
        for (int at = TBlock.Lanes; at < lanes; at += TBlock.Lanes)
        {
            largest = TBlock.Max(largest, TBlock.Load(row + at));
        }

        float best = TBlock.Maximum(largest);
        if (residual > 0)
        {
            best = Math.Max(best, MathF.Log(residual));
        }

        TBlock sums = TBlock.Create(0), shift = TBlock.Create(-best);
        for (int at = 0; at < lanes; at += TBlock.Lanes)
        {
            TBlock value = TBlock.Exp(TBlock.Load(row + at) + shift);
            value.Store(row + at);
            sums += value;
        }

        float factor = MathF.Exp(-best), sum = RowMath<TBlock>.Sum(sums);
        if (residual > 0)
        {
            sum += residual * factor;
        }

        float scale = 1 / sum;
        for (int at = 0; at < lanes; at += TBlock.Lanes)
        {
            (TBlock.Load(row + at) * TBlock.Create(scale)).Store(row + at);
        }

        return scale * factor;
    }

    private void Splat(in RangeView range, long pixel, float* marginals)
    {
        foreach (ref readonly KernelView kernel in range.Kernels)
        {
            if (pixel % PixelRanges.BlockPixels == 0)
            {
                RowMath<TBlock>.Clear(kernel, kernel.Next, pixel / PixelRanges.BlockPixels, lanes);
            }

            long first = pixel * kernel.Corners;
            for (int at = 0; at < lanes; at += TBlock.Lanes)
            {
                TBlock value = TBlock.Load(marginals + at);
                RowMath<TBlock>.Splat(
                    kernel.Next + at, (nuint)lanes, kernel.Ids + first, kernel.SplatWeights + first, kernel.Corners, value);
            }
        }
    }
}
