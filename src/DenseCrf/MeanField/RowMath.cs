using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DenseCrf.Buffers;
using DenseCrf.Permutohedral;
using DenseCrf.Rows;

namespace DenseCrf.MeanField;

/// <summary>The steps of the lattice filter and the softmax, on one row.</summary>
internal static unsafe class RowMath<TRow>
    where TRow : struct, IRow<TRow>
{
    /// <summary>How many vertices ahead in a chain rows are prefetched.</summary>
    private const int VerticesAhead = 14;

    /// <summary>How many pixels ahead rows are prefetched.</summary>
    private const int PixelsAhead = 4;

    /// <summary>
    /// How many pixels ahead their exponents, row numbers and weights are prefetched, because unsettled pixels lie apart.
    /// </summary>
    private const int InputsAhead = 12;

    /// <summary>Outside of this range a pixel's sum may have lost small terms or overflowed.</summary>
    private const float MinSum = 1e-6f, MaxSum = 1e30f;

    /// <summary>Adds the messages of a kernel to the exponents of a block of pixels.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="pixels">Numbers of the pixels. Some more are readable.</param>
    /// <param name="count">Number of pixels.</param>
    /// <param name="unaries">Rows of all pixels, to which the first kernel adds its messages; null for the others.</param>
    /// <param name="exponents">A row for each pixel of the block.</param>
    /// <param name="stride">Values from one of these rows to the next.</param>
    public static void Slice(in KernelView kernel, int* pixels, int count, float* unaries, float* exponents, int stride)
    {
        // Methods of their own: in one, the compiler stops inlining the operations on rows.
        if (kernel.Corners == 6)
        {
            SliceSix(kernel, pixels, count, unaries, exponents, stride);
        }
        else
        {
            SliceThree(kernel, pixels, count, unaries, exponents, stride);
        }
    }

    /// <summary>Adds the marginals of a block of pixels, weighted, to the rows of their vertices.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="pixels">Numbers of the pixels.</param>
    /// <param name="count">Number of pixels.</param>
    /// <param name="marginals">A row for each pixel.</param>
    /// <param name="stride">Values from one of these rows to the next.</param>
    /// <param name="settled">The pixels that belong to the held rows, as bits.</param>
    public static void Splat(in KernelView kernel, int* pixels, int count, float* marginals, int stride, uint settled)
    {
        if (kernel.Corners == 6)
        {
            SplatSix(kernel, pixels, count, marginals, stride, settled);
        }
        else
        {
            SplatThree(kernel, pixels, count, marginals, stride, settled);
        }
    }

    /// <summary>The weighted sum of the rows of a pixel's vertices.</summary>
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

    /// <summary>Adds a pixel's marginals, weighted, to the rows of its vertices.</summary>
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

    /// <summary>
    /// Marginals from exponents. Subtracts the maximum only if the sum would otherwise be out of range.
    /// </summary>
    /// <param name="exponents">Exponents, the largest of which is usually near 0.</param>
    /// <param name="residual">The sum of e^exponent over the pruned labels.</param>
    /// <param name="scale">The factor from e^exponent to the marginal.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TRow Softmax(TRow exponents, float residual, out float scale)
    {
        TRow values = TRow.Exp(exponents);
        float sum = Sum(values) + residual;
        if (!(sum > MinSum && sum < MaxSum))
        {
            return SafeSoftmax(exponents, residual, out scale);
        }

        scale = 1 / sum;
        return values * TRow.Create(scale);
    }

    /// <summary>
    /// The sum of a row. Folds to four lanes first: summing each register by itself takes three times the instructions.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(TRow row) => Vector128.Sum(TRow.Fold(row));

    /// <summary>Clears the rows that no pixel before this block touches.</summary>
    public static void Clear(in KernelView kernel, float* rows, long block, int lanes)
    {
        (long first, long count) = Touched(kernel, block);
        NativeMemory.Clear(rows + (first * lanes), (nuint)(count * lanes * sizeof(float)));
    }

    /// <summary>Prepares the rows that no pixel before this block touches.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="block">Number of the block.</param>
    /// <param name="fromHeld">Whether the rows start with those of the settled pixels.</param>
    /// <param name="clearsHeld">Whether the rows of the settled pixels start anew.</param>
    public static void Open(in KernelView kernel, long block, bool fromHeld, bool clearsHeld)
    {
        (long first, long count) = Touched(kernel, block);
        long start = first * TRow.Lanes;
        nuint bytes = (nuint)(count * TRow.Lanes * sizeof(float));
        if (fromHeld)
        {
            NativeMemory.Copy(kernel.Held + start, kernel.Next + start, bytes);
            return;
        }

        NativeMemory.Clear(kernel.Next + start, bytes);
        if (clearsHeld)
        {
            NativeMemory.Clear(kernel.Held + start, bytes);
        }
    }

    /// <summary>Adds the rows of the settled pixels, after a pass that found them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddHeld(in KernelView kernel, long pixels)
    {
        int count = kernel.Watermarks[(pixels - 1) / PixelRanges.BlockPixels];
        for (nuint at = 0; at < (nuint)count * (nuint)TRow.Lanes; at += (nuint)TRow.Lanes)
        {
            (TRow.Load(kernel.Next + at) + TRow.Load(kernel.Held + at)).Store(kernel.Next + at);
        }
    }

    private static (long First, long Count) Touched(in KernelView kernel, long block)
    {
        int first = block == 0 ? 0 : kernel.Watermarks[block - 1];
        return (first, kernel.Watermarks[block] - first);
    }

    /// <summary>
    /// Adds half of both neighbours to each row of the chains. Keeps each row's old value for the row after it.
    /// </summary>
    /// <remarks>
    /// Goes from chain to chain without a branch: most have two to four rows, so that their ends cannot be predicted. After
    /// the last row of a chain a factor of 0 takes the place of the neighbour.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Blur(float* rows, nuint stride, ReadOnlySpan<int> chains)
    {
        if (chains.IsEmpty)
        {
            return;
        }

        float* factors = stackalloc float[] { 1, 0 };
        TRow half = TRow.Create(0.5f), before = TRow.Create(0);
        fixed (int* ids = chains)
        {
            float* row = rows + ((nuint)(*ids ^ (*ids >> 31)) * stride);
            TRow value = TRow.Load(row);
            for (int* id = ids, last = ids + chains.Length - 1; id < last; id++)
            {
                Prefetch(rows + ((nuint)(id[VerticesAhead] ^ (id[VerticesAhead] >> 31)) * stride));
                float* following = rows + ((nuint)(id[1] ^ (id[1] >> 31)) * stride);
                TRow after = TRow.Load(following), joined = TRow.Broadcast(factors + (*id >>> 31));
                TRow.MultiplyAdd(TRow.MultiplyAdd(after, joined, before), half, value).Store(row);
                before = value * joined;
                value = after;
                row = following;
            }

            TRow.MultiplyAdd(before, half, value).Store(row);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void SliceSix(
        in KernelView kernel, int* pixels, int count, float* unaries, float* exponents, int stride) =>
        Slice(kernel, 6, pixels, count, unaries, exponents, stride);

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void SliceThree(
        in KernelView kernel, int* pixels, int count, float* unaries, float* exponents, int stride) =>
        Slice(kernel, 3, pixels, count, unaries, exponents, stride);

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void SplatSix(in KernelView kernel, int* pixels, int count, float* marginals, int stride, uint settled) =>
        Splat(kernel, 6, pixels, count, marginals, stride, settled);

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void SplatThree(in KernelView kernel, int* pixels, int count, float* marginals, int stride, uint settled) =>
        Splat(kernel, 3, pixels, count, marginals, stride, settled);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Slice(
        in KernelView kernel, int corners, int* pixels, int count, float* unaries, float* exponents, int stride)
    {
        TRow compatibility = TRow.Load(kernel.Compatibility);
        float* rows = kernel.Rows;
        for (int i = 0; i < count; i++, exponents += stride)
        {
            long at = (long)pixels[i] * corners;
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(kernel.Ids + ((long)pixels[i + InputsAhead] * corners));
                Sse.Prefetch0(kernel.SliceWeights + ((long)pixels[i + InputsAhead] * corners));
            }

            if (corners == 6 && kernel.Prefetches)
            {
                Prefetch(rows, kernel.Ids + (6L * pixels[i + PixelsAhead]));
                Prefetch(kernel.Expected, kernel.Ids + at);   // for the splat of this block
            }

            float* addend = exponents;
            if (unaries is not null)
            {
                addend = unaries + ((long)pixels[i] * TRow.Lanes);
                Prefetch(unaries + ((long)pixels[i + InputsAhead] * TRow.Lanes));
            }

            TRow message = Slice(rows, (nuint)TRow.Lanes, kernel.Ids + at, kernel.SliceWeights + at, corners);
            TRow.MultiplyAdd(message, compatibility, TRow.Load(addend)).Store(exponents);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Splat(
        in KernelView kernel, int corners, int* pixels, int count, float* marginals, int stride, uint settled)
    {
        for (int i = 0; i < count; i++, marginals += stride, settled >>= 1)
        {
            long at = (long)pixels[i] * corners;
            float* rows = (settled & 1) == 0 ? kernel.Next : kernel.Held;
            Splat(rows, (nuint)TRow.Lanes, kernel.Ids + at, kernel.SplatWeights + at, corners, TRow.Load(marginals));
        }
    }

    /// <summary>Prefetches the rows of a pixel's vertices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* rows, int* ids)
    {
        for (int k = 0; k < 6; k++)
        {
            Prefetch(rows + ((nuint)ids[k] * (nuint)TRow.Lanes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* row)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(row);
            if (TRow.Lanes > 8 && TRow.Lanes != CacheLine.Floats)
            {
                Sse.Prefetch0(row + TRow.Lanes - 1);   // may lie in the next cache line
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
        if (residual > 0)
        {
            best = Math.Max(best, MathF.Log(residual));
        }

        TRow values = TRow.Exp(exponents + TRow.Create(-best));
        float factor = MathF.Exp(-best), sum = Sum(values);
        if (residual > 0)   // factor is infinite where every label is far below 0, and 0 · ∞ is not 0
        {
            sum += residual * factor;
        }

        float inverse = 1 / sum;
        scale = inverse * factor;
        return values * TRow.Create(inverse);
    }
}
