using System.Numerics;
using System.Runtime.CompilerServices;

namespace InferenceServer.Kernels.Labels;

/// <summary>
/// Turns logits into probabilities, where every probability is needed: for a fusion of passes, a CRF or a caller's
/// file.
/// </summary>
public static class Softmax
{
    /// <summary>Replaces the logits of each pixel by probabilities that sum to 1.</summary>
    /// <param name="scores">Logits, CHW; overwritten with the probabilities.</param>
    /// <param name="classes">Number of planes, at least 1.</param>
    /// <remarks>
    /// The maximum of each pixel is subtracted first, so that large logits do not overflow. The absolute error is below
    /// 5·10⁻⁷. A class whose logit is more than 87.3 below the maximum gets 0. All probabilities of a pixel are NaN if
    /// a logit is NaN or +∞, or if no logit is above −∞.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The length is not a multiple of <paramref name="classes"/>.
    /// </exception>
    public static void Compute(Span<float> scores, int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length % classes, 0, nameof(scores));
        int done = Vectorized(scores, classes);
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

    private static int Vectorized(Span<float> scores, int classes)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

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

/// <summary>e^x for x ≤ 0, which is the range that a softmax needs.</summary>
/// <remarks>
/// The algorithm of Cephes <c>expf</c>: x = n ln 2 + r, and e^x is a polynomial in r times 2ⁿ. The relative error is
/// below 3·10⁻⁷. Below −87.3, where floats are denormal, the result is 0. NaN gives NaN. The scalar and the vector form
/// give the same bits.
/// </remarks>
internal static class Exponential
{
    private const float MinX = -87.3f;
    private const float Log2E = 1.44269504f;
    private const float MinusLn2High = -0.693359375f;
    private const float MinusLn2Low = 2.12194440e-4f;   // ln 2 in two parts, so that x − n ln 2 keeps its lowest bits

    /// <summary>The specification of the vector form.</summary>
    public static float Scalar(float x)
    {
        if (x < MinX)
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
        return Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(MinX)), Vector<float>.Zero, p * power);
    }
}

/// <summary>1 / (1 + e^−x), computed from e^−|x|, which cannot overflow.</summary>
public static class Sigmoid
{
    /// <summary>Replaces logits by probabilities.</summary>
    /// <param name="scores">Logits; overwritten. NaN stays NaN.</param>
    public static void Compute(Span<float> scores)
    {
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Compute(new Vector<float>(scores[i..])).CopyTo(scores[i..]);
        }

        for (; i < scores.Length; i++)
        {
            scores[i] = Scalar(scores[i]);
        }
    }

    /// <summary>The specification of the vector form.</summary>
    internal static float Scalar(float x)
    {
        float e = Exponential.Scalar(-Math.Abs(x));
        return (x < 0 ? e : 1) / (1 + e);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector<float> Compute(Vector<float> x)
    {
        Vector<float> e = Exponential.Compute(-Vector.Abs(x));
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), e, Vector<float>.One) / (Vector<float>.One + e);
    }
}
