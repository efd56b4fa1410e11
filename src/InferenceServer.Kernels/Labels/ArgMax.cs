using System.Numerics;
using System.Runtime.CompilerServices;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Labels;

/// <summary>The class with the highest score at every pixel, from scores of the image's size.</summary>
public static class ArgMax
{
    /// <summary>The largest number of classes whose labels are bytes.</summary>
    public const int MaxClasses = 256;

    /// <summary>The largest number of classes whose labels are 16-bit numbers.</summary>
    public const int MaxWideClasses = 65536;

    /// <summary>Labels every pixel with the class of its highest score.</summary>
    /// <param name="scores">CHW; logits and probabilities give the same labels.</param>
    /// <param name="classes">Number of classes, 1 to 256.</param>
    /// <param name="labels">Receives the labels, HW. Its length is the number of pixels.</param>
    /// <remarks>On a tie the lower class wins. NaN never wins. A pixel without a score above −∞ gets label 0.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The number of classes is out of range, or the lengths do not fit.
    /// </exception>
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

/// <summary>
/// The class with the highest score at each pixel of a row. On a tie the lower class wins; NaN never wins.
/// </summary>
internal static class ArgMaxRow
{
    public static void Compute<TLabel>(in ScoreRows rows, Span<TLabel> labels)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        int done = Vectorized(rows, labels);
        Scalar(rows, labels, done);
    }

    internal static void Scalar<TLabel>(in ScoreRows rows, Span<TLabel> labels, int start)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
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

            labels[x] = TLabel.CreateTruncating(winner);
        }
    }

    /// <summary>
    /// Labels as many pixels as a vector has bytes, from four vectors of scores: four chains of comparisons hide each other's
    /// latency. The last step overlaps the step before it, so that no pixels remain. Returns the number of pixels done,
    /// which is 0 for rows shorter than a vector.
    /// </summary>
    private static int Vectorized<TLabel>(in ScoreRows rows, Span<TLabel> labels)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

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

            Store(winner0, winner1, winner2, winner3, labels[x..]);
            if (x == last)
            {
                return labels.Length;
            }
        }
    }

    /// <summary>Writes four vectors of labels, as bytes or as 16-bit numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store<TLabel>(Vector<int> a, Vector<int> b, Vector<int> c, Vector<int> d, Span<TLabel> labels)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        if (typeof(TLabel) == typeof(byte))
        {
            Bytes.Narrow(a, b, c, d).As<byte, TLabel>().CopyTo(labels);
            return;
        }

        Vector.Narrow(a.As<int, uint>(), b.As<int, uint>()).As<ushort, TLabel>().CopyTo(labels);
        Vector.Narrow(c.As<int, uint>(), d.As<int, uint>()).As<ushort, TLabel>().CopyTo(labels[Vector<ushort>.Count..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Challenge(Vector<float> score, Vector<int> label, ref Vector<float> best, ref Vector<int> winner)
    {
        Vector<int> wins = Vector.GreaterThan(score, best);   // strictly greater, so that the lower class wins a tie
        best = Vector.ConditionalSelect(wins, score, best);
        winner = Vector.ConditionalSelect(wins, label, winner);
    }
}
