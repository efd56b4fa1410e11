using System.Numerics;
using System.Runtime.CompilerServices;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Labels;

/// <summary>The meaning of a model's scores.</summary>
public enum ScoreKind
{
    /// <summary>Unbounded numbers; a softmax or sigmoid turns them into probabilities.</summary>
    Logits,

    /// <summary>Probabilities, 0 to 1.</summary>
    Probabilities,
}

/// <summary>
/// The probability of the winning class of each pixel of a row, times 255; 0 if a NaN makes it undefined.
/// </summary>
internal static class ConfidenceRow
{
    public static void Compute(in ScoreRows rows, ScoreKind kind, Span<byte> confidence)
    {
        int done = Vectorized(rows, kind, confidence);
        Scalar(rows, kind, confidence, done);
    }

    internal static void Scalar(in ScoreRows rows, ScoreKind kind, Span<byte> confidence, int start)
    {
        for (int x = start; x < confidence.Length; x++)
        {
            float best = float.NegativeInfinity, sum = 0;
            for (int c = 0; c < rows.Classes; c++)
            {
                float score = rows.At((c * rows.Stride) + x);
                if (score > best)
                {
                    best = score;
                }
            }

            if (kind == ScoreKind.Logits)
            {
                for (int c = 0; c < rows.Classes; c++)
                {
                    sum += Exponential.Scalar(rows.At((c * rows.Stride) + x) - best);
                }
            }

            confidence[x] = Bytes.FromProbability(kind == ScoreKind.Logits ? 1 / sum : best);
        }
    }

    /// <summary>
    /// Like <see cref="ArgMaxRow"/>, the last step overlaps the step before it. Returns the number of pixels done.
    /// </summary>
    private static int Vectorized(in ScoreRows rows, ScoreKind kind, Span<byte> confidence)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        int n = Vector<int>.Count, last = confidence.Length - Vector<byte>.Count;
        if (last < 0)
        {
            return 0;
        }

        for (int x = 0; ; x = Math.Min(x + Vector<byte>.Count, last))
        {
            Vector<int> a = Pixels(rows, kind, x);
            Vector<int> b = Pixels(rows, kind, x + n);
            Vector<int> c = Pixels(rows, kind, x + (2 * n));
            Vector<int> d = Pixels(rows, kind, x + (3 * n));
            Bytes.Narrow(a, b, c, d).CopyTo(confidence[x..]);
            if (x == last)
            {
                return confidence.Length;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<int> Pixels(in ScoreRows rows, ScoreKind kind, int x)
    {
        Vector<float> best = new(float.NegativeInfinity);
        for (int c = 0, index = x; c < rows.Classes; c++, index += rows.Stride)
        {
            Vector<float> score = rows.VectorAt(index);
            best = Vector.ConditionalSelect(Vector.GreaterThan(score, best), score, best);
        }

        if (kind == ScoreKind.Probabilities)
        {
            return Bytes.FromProbability(best);
        }

        Vector<float> sum = Vector<float>.Zero;
        for (int c = 0, index = x; c < rows.Classes; c++, index += rows.Stride)
        {
            sum += Exponential.Compute(rows.VectorAt(index) - best);
        }

        return Bytes.FromProbability(Vector<float>.One / sum);
    }
}

/// <summary>Conversions to bytes.</summary>
internal static class Bytes
{
    /// <summary>Narrows four vectors of integers from 0 to 255 to one vector of bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<byte> Narrow(Vector<int> a, Vector<int> b, Vector<int> c, Vector<int> d) => Vector.Narrow(
        Vector.Narrow(a.As<int, uint>(), b.As<int, uint>()), Vector.Narrow(c.As<int, uint>(), d.As<int, uint>()));

    /// <summary>Converts a probability to 0…255: clamped to 0…1, and halves rounded up. NaN gives 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<int> FromProbability(Vector<float> probability) => Vector.ConvertToInt32(
        (Vector.Min(Vector.Max(probability, Vector<float>.Zero), Vector<float>.One) * 255f) + new Vector<float>(0.5f));

    /// <inheritdoc cref="FromProbability(Vector{float})"/>
    public static byte FromProbability(float probability) => (byte)(int)((Math.Clamp(probability, 0f, 1f) * 255f) + 0.5f);
}
