using System.Numerics;
using System.Runtime.CompilerServices;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Labels;

/// <summary>The winning class of every pixel, from scores at the labels' own size.</summary>
public static class ArgMax
{
    /// <summary>Most classes that a byte can name.</summary>
    public const int MaxClasses = 256;

    /// <summary>Labels every pixel with its highest score.</summary>
    /// <param name="scores">CHW, one value a class and pixel; logits and probabilities give the same labels.</param>
    /// <param name="classes">1 to 256.</param>
    /// <param name="labels">HW; its length is the number of pixels.</param>
    /// <remarks>Ties go to the lower class. NaN never wins; a pixel with no score above −∞ is labelled 0.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">Too many classes, or the two lengths disagree.</exception>
    public static void Compute(ReadOnlySpan<float> scores, int classes, Span<byte> labels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, MaxClasses);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, (long)classes * labels.Length);
        if (!labels.IsEmpty)
        {
            ArgMaxRow.Compute(new ScoreRows(scores, scores, labels.Length, 0, classes, labels.Length), labels);
        }
    }

    internal static void Scalar(ReadOnlySpan<float> scores, int classes, Span<byte> labels) =>
        ArgMaxRow.Scalar(new ScoreRows(scores, scores, labels.Length, 0, classes, labels.Length), labels, 0);
}

/// <summary>The winning class of each pixel of a row. Ties go to the lower class; NaN never wins.</summary>
internal static class ArgMaxRow
{
    public static void Compute(in ScoreRows rows, Span<byte> labels)
    {
        int done = Vector.IsHardwareAccelerated ? Vectorized(rows, labels) : 0;
        Scalar(rows, labels, done);
    }

    internal static void Scalar(in ScoreRows rows, Span<byte> labels, int start)
    {
        for (int x = start; x < labels.Length; x++)
        {
            float best = float.NegativeInfinity;
            int winner = 0;
            for (int c = 0; c < rows.Classes; c++)
            {
                float score = rows.At((c * rows.Stride) + x);
                if (score > best)
                {
                    (best, winner) = (score, c);
                }
            }

            labels[x] = (byte)winner;
        }
    }

    /// <summary>
    /// One vector of bytes, so four of scores, a step: four chains of comparisons hide each other's latency. The last step
    /// overlaps the one before instead of leaving a remainder; returns 0 for rows shorter than a step, else all pixels.
    /// </summary>
    internal static int Vectorized(in ScoreRows rows, Span<byte> labels)
    {
        int n = Vector<int>.Count, last = labels.Length - Vector<byte>.Count;
        if (last < 0)
        {
            return 0;
        }

        for (int x = 0; ; x = Math.Min(x + Vector<byte>.Count, last))
        {
            Vector<float> best0 = new(float.NegativeInfinity), best1 = best0, best2 = best0, best3 = best0;
            Vector<int> winner0 = default, winner1 = default, winner2 = default, winner3 = default;
            for (int c = 0, index = x; c < rows.Classes; c++, index += rows.Stride)
            {
                Vector<int> label = new(c);
                Challenge(rows.VectorAt(index), label, ref best0, ref winner0);
                Challenge(rows.VectorAt(index + n), label, ref best1, ref winner1);
                Challenge(rows.VectorAt(index + (2 * n)), label, ref best2, ref winner2);
                Challenge(rows.VectorAt(index + (3 * n)), label, ref best3, ref winner3);
            }

            Bytes.Narrow(winner0, winner1, winner2, winner3).CopyTo(labels[x..]);
            if (x == last)
            {
                return labels.Length;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Challenge(Vector<float> score, Vector<int> label, ref Vector<float> best, ref Vector<int> winner)
    {
        Vector<int> wins = Vector.GreaterThan(score, best);   // strict, so ties keep the lower class
        best = Vector.ConditionalSelect(wins, score, best);
        winner = Vector.ConditionalSelect(wins, label, winner);
    }
}
