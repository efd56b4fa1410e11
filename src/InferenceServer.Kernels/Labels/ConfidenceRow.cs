using System.Numerics;
using System.Runtime.CompilerServices;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Labels;

/// <summary>What a model's scores are.</summary>
public enum ScoreKind
{
    /// <summary>Any real numbers; softmax or sigmoid turns them into probabilities.</summary>
    Logits,

    /// <summary>Already probabilities, 0…1.</summary>
    Probabilities,
}

/// <summary>The probability of the winning class of each pixel of a row, as a byte; 0 where a NaN spoils it.</summary>
internal static class ConfidenceRow
{
    public static void Compute(in ScoreRows rows, ScoreKind kind, Span<byte> confidence)
    {
        int done = Vector.IsHardwareAccelerated ? Vectorized(rows, kind, confidence) : 0;
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
                best = score > best ? score : best;
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

    /// <summary>Overlaps its last step with the one before, as <see cref="ArgMaxRow"/> does.</summary>
    internal static int Vectorized(in ScoreRows rows, ScoreKind kind, Span<byte> confidence)
    {
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

/// <summary>Four vectors of small integers to one of bytes.</summary>
internal static class Bytes
{
    /// <summary>Keeps the low 8 bits of each value; callers pass 0…255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<byte> Narrow(Vector<int> a, Vector<int> b, Vector<int> c, Vector<int> d) => Vector.Narrow(
        Vector.Narrow(a.As<int, uint>(), b.As<int, uint>()), Vector.Narrow(c.As<int, uint>(), d.As<int, uint>()));

    /// <summary>A probability to 0…255: clamped to 0…1, rounded half up, NaN to 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<int> FromProbability(Vector<float> probability) => Vector.ConvertToInt32(
        (Vector.Min(Vector.Max(probability, Vector<float>.Zero), Vector<float>.One) * 255f) + new Vector<float>(0.5f));

    /// <inheritdoc cref="FromProbability(Vector{float})"/>
    public static byte FromProbability(float probability) => (byte)(int)((Math.Clamp(probability, 0f, 1f) * 255f) + 0.5f);
}
