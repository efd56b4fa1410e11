using System.Numerics;
using System.Runtime.CompilerServices;

namespace InferenceServer.Kernels.Labels;

/// <summary>Logits to probabilities, for whoever needs all of them: fusion of passes, a CRF, a caller's own file.</summary>
public static class Softmax
{
    /// <summary>Overwrites the scores of each pixel with probabilities that sum to 1.</summary>
    /// <param name="scores">CHW; overwritten.</param>
    /// <param name="classes">Number of planes, at least 1.</param>
    /// <remarks>
    /// Each pixel's maximum is subtracted first, so logits of any size are safe; absolute error below 5·10⁻⁷. A class 87.3 or
    /// more below the maximum becomes 0. A pixel with a NaN, with +∞ or with nothing above −∞ becomes NaN throughout.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">The length is not a multiple of <paramref name="classes"/>.</exception>
    public static void Compute(Span<float> scores, int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length % classes, 0, nameof(scores));
        int done = Vector.IsHardwareAccelerated ? Vectorized(scores, classes) : 0;
        Scalar(scores, classes, done);
    }

    internal static void Scalar(Span<float> scores, int classes, int start)
    {
        int pixels = scores.Length / classes;
        for (int x = start; x < pixels; x++)
        {
            float best = float.NegativeInfinity, sum = 0;
            for (int i = x; i < scores.Length; i += pixels)
            {
                best = Math.Max(best, scores[i]);
            }

            for (int i = x; i < scores.Length; i += pixels)
            {
                scores[i] = Exponential.Scalar(scores[i] - best);
                sum += scores[i];
            }

            for (int i = x; i < scores.Length; i += pixels)
            {
                scores[i] /= sum;
            }
        }
    }

    internal static int Vectorized(Span<float> scores, int classes)
    {
        int pixels = scores.Length / classes, x = 0;
        for (; x <= pixels - Vector<float>.Count; x += Vector<float>.Count)
        {
            Vector<float> best = new(float.NegativeInfinity), sum = Vector<float>.Zero;
            for (int i = x; i < scores.Length; i += pixels)
            {
                best = Vector.Max(best, new Vector<float>(scores[i..]));
            }

            for (int i = x; i < scores.Length; i += pixels)
            {
                Vector<float> e = Exponential.Compute(new Vector<float>(scores[i..]) - best);
                e.CopyTo(scores[i..]);
                sum += e;
            }

            for (int i = x; i < scores.Length; i += pixels)
            {
                (new Vector<float>(scores[i..]) / sum).CopyTo(scores[i..]);
            }
        }

        return x;
    }
}

/// <summary>e^x for x ≤ 0, all that a softmax needs after its maximum is subtracted.</summary>
/// <remarks>
/// Cephes <c>expf</c>: x = n ln 2 + r, a polynomial in r, times 2ⁿ. Relative error below 3·10⁻⁷; 0 below −87.3,
/// where floats stop being normal; NaN stays NaN. Written out so that the scalar twin
/// can repeat it bit for bit.
/// </remarks>
internal static class Exponential
{
    private const float Lowest = -87.3f;
    private const float Log2E = 1.44269504f;
    private const float MinusLn2High = -0.693359375f;
    private const float MinusLn2Low = 2.12194440e-4f;   // ln 2 in two parts, so that x − n ln 2 keeps its low bits

    /// <summary>The specification of the vector form.</summary>
    public static float Scalar(float x)
    {
        if (x < Lowest)
        {
            return 0;
        }

        float n = MathF.Floor(float.MultiplyAddEstimate(x, Log2E, 0.5f));
        float r = float.MultiplyAddEstimate(n, MinusLn2Low, float.MultiplyAddEstimate(n, MinusLn2High, x));
        float p = float.MultiplyAddEstimate(1.9875691500e-4f, r, 1.3981999507e-3f);
        p = float.MultiplyAddEstimate(p, r, 8.3334519073e-3f);
        p = float.MultiplyAddEstimate(p, r, 4.1665795894e-2f);
        p = float.MultiplyAddEstimate(p, r, 1.6666665459e-1f);
        p = float.MultiplyAddEstimate(p, r, 5.0000001201e-1f);
        p = float.MultiplyAddEstimate(p, r * r, r + 1);
        return p * BitConverter.Int32BitsToSingle(((int)n + 127) << 23);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Compute(Vector<float> x)
    {
        Vector<float> n = Vector.Floor(Vector.MultiplyAddEstimate(x, new Vector<float>(Log2E), new Vector<float>(0.5f)));
        Vector<float> r = Vector.MultiplyAddEstimate(
            n, new Vector<float>(MinusLn2Low), Vector.MultiplyAddEstimate(n, new Vector<float>(MinusLn2High), x));
        Vector<float> p = Vector.MultiplyAddEstimate(new Vector<float>(1.9875691500e-4f), r, new Vector<float>(1.3981999507e-3f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(8.3334519073e-3f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(4.1665795894e-2f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(1.6666665459e-1f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(5.0000001201e-1f));
        p = Vector.MultiplyAddEstimate(p, r * r, r + Vector<float>.One);
        Vector<float> power = ((Vector.ConvertToInt32(n) + new Vector<int>(127)) << 23).As<int, float>();
        return Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(Lowest)), Vector<float>.Zero, p * power);
    }
}

/// <summary>1 / (1 + e^−x), from e^−|x|, which cannot overflow.</summary>
internal static class Sigmoid
{
    /// <summary>The specification of the vector form.</summary>
    public static float Scalar(float x)
    {
        float e = Exponential.Scalar(-Math.Abs(x));
        return (x < 0 ? e : 1) / (1 + e);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Compute(Vector<float> x)
    {
        Vector<float> e = Exponential.Compute(-Vector.Abs(x));
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), e, Vector<float>.One) / (Vector<float>.One + e);
    }
}
