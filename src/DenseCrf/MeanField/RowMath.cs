using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>The steps of the lattice filter and of the softmax on one row.</summary>
internal static unsafe class RowMath<TRow>
    where TRow : struct, IRow<TRow>
{
    /// <summary>Vertices of a chain whose rows are asked for ahead.</summary>
    private const int Ahead = 14;

    /// <summary>Pixels whose rows are asked for ahead.</summary>
    private const int PixelsAhead = 4;

    /// <summary>A pixel's sum outside this range may have lost small terms, or overflown.</summary>
    private const float SmallestSum = 1e-6f, LargestSum = 1e30f;

    /// <summary>Asks for the rows of a pixel soon to come, in both sets of rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(in KernelView kernel, long at)
    {
        int* ids = kernel.Ids + at + (6 * PixelsAhead);
        for (int k = 0; k < 6 && Sse.IsSupported; k++)
        {
            nuint row = (nuint)ids[k] * (nuint)TRow.Lanes;
            Sse.Prefetch0(kernel.Rows + row);
            Sse.Prefetch0(kernel.Next + row);
            if (TRow.Lanes > 16)
            {
                Sse.Prefetch0(kernel.Rows + row + 16);
                Sse.Prefetch0(kernel.Next + row + 16);
            }
        }
    }

    /// <summary>The weighted sum of a pixel's vertices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TRow Slice(float* rows, nuint stride, int* ids, float* weights, int corners)
    {
        TRow a = TRow.Load(rows + ((nuint)ids[0] * stride)) * TRow.Broadcast(weights + 0);
        TRow b = TRow.Load(rows + ((nuint)ids[1] * stride)) * TRow.Broadcast(weights + 1);
        a = TRow.MultiplyAdd(TRow.Load(rows + ((nuint)ids[2] * stride)), TRow.Broadcast(weights + 2), a);
        if (corners == 6)
        {
            b = TRow.MultiplyAdd(TRow.Load(rows + ((nuint)ids[3] * stride)), TRow.Broadcast(weights + 3), b);
            a = TRow.MultiplyAdd(TRow.Load(rows + ((nuint)ids[4] * stride)), TRow.Broadcast(weights + 4), a);
            b = TRow.MultiplyAdd(TRow.Load(rows + ((nuint)ids[5] * stride)), TRow.Broadcast(weights + 5), b);
        }

        return a + b;
    }

    /// <summary>Adds a pixel's marginals to its vertices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Splat(float* rows, nuint stride, int* ids, float* weights, int corners, TRow value)
    {
        Splat(rows + ((nuint)ids[0] * stride), weights + 0, value);
        Splat(rows + ((nuint)ids[1] * stride), weights + 1, value);
        Splat(rows + ((nuint)ids[2] * stride), weights + 2, value);
        if (corners == 6)
        {
            Splat(rows + ((nuint)ids[3] * stride), weights + 3, value);
            Splat(rows + ((nuint)ids[4] * stride), weights + 4, value);
            Splat(rows + ((nuint)ids[5] * stride), weights + 5, value);
        }
    }

    /// <summary>Marginals from exponents. The maximum is subtracted only where the sum says that it must be.</summary>
    /// <param name="exponents">The largest is usually near 0.</param>
    /// <param name="residual">Added to the sum for pruned labels, in units of e^exponent.</param>
    /// <param name="scale">What e^exponent is to be multiplied by.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TRow Softmax(TRow exponents, float residual, out float scale)
    {
        TRow values = TRow.Exp(exponents);
        float sum = Sum(values) + residual;
        if (!(sum > SmallestSum && sum < LargestSum))
        {
            return SafeSoftmax(exponents, residual, out scale);
        }

        scale = 1 / sum;
        return values * TRow.Create(scale);
    }

    /// <summary>Folded to four lanes first: a sum of every register by itself takes three times the instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(TRow row) => Vector128.Sum(TRow.Fold(row));

    /// <summary>Clears the rows that the next block of pixels is the first to touch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Clear(in KernelView kernel, long block, int lanes)
    {
        int from = block == 0 ? 0 : kernel.Watermarks[block - 1], to = kernel.Watermarks[block];
        NativeMemory.Clear(kernel.Next + ((long)from * lanes), (nuint)(to - from) * (nuint)lanes * sizeof(float));
    }

    /// <summary>Walks chains, holding what a row was before it changed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Blur(float* rows, nuint stride, ReadOnlySpan<int> chains)
    {
        TRow half = TRow.Create(0.5f);
        fixed (int* ids = chains)
        {
            int* id = ids, end = ids + chains.Length;
            while (id < end)
            {
                float* row = rows + ((nuint)(*id++) * stride);
                TRow before = TRow.Create(0), value = TRow.Load(row);
                int next;
                do
                {
                    next = *id;
                    if (Sse.IsSupported)
                    {
                        float* later = rows + ((nuint)(id[Ahead] ^ (id[Ahead] >> 31)) * stride);
                        Sse.Prefetch0(later);
                        if (TRow.Lanes > 16)
                        {
                            Sse.Prefetch0(later + 16);
                        }
                    }

                    id++;
                    float* following = rows + ((nuint)(next ^ (next >> 31)) * stride);
                    TRow after = TRow.Load(following);
                    TRow.MultiplyAdd(before + after, half, value).Store(row);
                    before = value;
                    value = after;
                    row = following;
                }
                while (next >= 0);

                TRow.MultiplyAdd(before, half, value).Store(row);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Splat(float* row, float* weight, TRow value) =>
        TRow.MultiplyAdd(TRow.Broadcast(weight), value, TRow.Load(row)).Store(row);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TRow SafeSoftmax(TRow exponents, float residual, out float scale)
    {
        float best = TRow.Maximum(exponents);
        best = residual > 0 ? Math.Max(best, MathF.Log(residual)) : best;
        TRow values = TRow.Exp(exponents + TRow.Create(-best));
        float factor = MathF.Exp(-best);   // infinite where every label is far below 0, and 0 · ∞ is not 0
        float inverse = 1 / (Sum(values) + (residual > 0 ? residual * factor : 0));
        scale = inverse * factor;
        return values * TRow.Create(inverse);
    }
}
