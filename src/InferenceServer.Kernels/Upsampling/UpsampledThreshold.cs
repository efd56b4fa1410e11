using System.Numerics;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>Enlarges one plane of scores to the photo and cuts it in two at a probability: the reading of a sigmoid head.</summary>
/// <remarks>Bilinear, then compared in the scores' own space, so that labels alone need no exponential.</remarks>
public static class UpsampledThreshold
{
    /// <summary>Labels every pixel 1 where its probability exceeds the threshold, else 0.</summary>
    /// <param name="scores">HW on the grid.</param>
    /// <param name="grid">Size of <paramref name="scores"/>.</param>
    /// <param name="rows">Where each photo row falls on the grid.</param>
    /// <param name="columns">Where each photo column falls on the grid.</param>
    /// <param name="kind">Logits go through a sigmoid, probabilities do not.</param>
    /// <param name="threshold">Probability, 0…1. A pixel equal to it is labelled 0; so is NaN.</param>
    /// <param name="labels">HW of the photo; overwritten whole with 0 and 1.</param>
    /// <param name="confidence">HW: the chosen side's probability × 255, rounded half up; 0 for NaN. Empty: not wanted.</param>
    /// <exception cref="ArgumentException">Buffers, grid and taps do not belong together.</exception>
    public static void Compute(
        ReadOnlySpan<float> scores, ImageSize grid, AxisTaps rows, AxisTaps columns, ScoreKind kind, float threshold,
        Span<byte> labels, Span<byte> confidence)
    {
        GridArguments.Check(scores.Length, 1, grid, rows, columns, labels.Length, confidence.Length);
        float cut = Cut(kind, threshold);
        using ExpandedRows expanded = new(scores, grid, 1, columns);
        for (int y = 0; y < rows.Count; y++)
        {
            ScoreRows pixels = expanded.At(rows, y);
            Span<byte> row = labels.Slice(y * columns.Count, columns.Count);
            Span<byte> sure = confidence.IsEmpty ? [] : confidence.Slice(y * columns.Count, columns.Count);
            int done = Vector.IsHardwareAccelerated ? Vectorized(pixels, kind, cut, row, sure) : 0;
            Scalar(pixels, kind, cut, row, sure, done);
        }
    }

    /// <summary>The threshold in the scores' own space: sigmoid(x) &gt; t where x &gt; log(t / (1 − t)).</summary>
    internal static float Cut(ScoreKind kind, float threshold)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threshold, 0);   // catches NaN too, which sorts below every number
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threshold, 1);
        return kind == ScoreKind.Probabilities ? threshold : (float)Math.Log(threshold / (1.0 - threshold));
    }

    internal static void Scalar(
        in ScoreRows pixels, ScoreKind kind, float cut, Span<byte> labels, Span<byte> confidence, int start)
    {
        for (int x = start; x < labels.Length; x++)
        {
            float score = pixels.At(x);
            bool above = score > cut;
            labels[x] = above ? (byte)1 : (byte)0;
            if (!confidence.IsEmpty)
            {
                float probability = kind == ScoreKind.Logits ? Sigmoid.Scalar(score) : score;
                confidence[x] = Bytes.FromProbability(above ? probability : 1 - probability);
            }
        }
    }

    internal static int Vectorized(in ScoreRows pixels, ScoreKind kind, float cut, Span<byte> labels, Span<byte> confidence)
    {
        int n = Vector<int>.Count, x = 0;
        for (; x <= labels.Length - Vector<byte>.Count; x += Vector<byte>.Count)
        {
            Vector<float> a = pixels.VectorAt(x), b = pixels.VectorAt(x + n);
            Vector<float> c = pixels.VectorAt(x + (2 * n)), d = pixels.VectorAt(x + (3 * n));
            Bytes.Narrow(Label(a, cut), Label(b, cut), Label(c, cut), Label(d, cut)).CopyTo(labels[x..]);
            if (!confidence.IsEmpty)
            {
                Bytes.Narrow(Confidence(a, kind, cut), Confidence(b, kind, cut), Confidence(c, kind, cut), Confidence(d, kind, cut))
                    .CopyTo(confidence[x..]);
            }
        }

        return x;
    }

    private static Vector<int> Label(Vector<float> score, float cut) =>
        Vector.GreaterThan(score, new Vector<float>(cut)) & Vector<int>.One;

    private static Vector<int> Confidence(Vector<float> score, ScoreKind kind, float cut)
    {
        Vector<float> probability = kind == ScoreKind.Logits ? Sigmoid.Compute(score) : score;
        return Bytes.FromProbability(Vector.ConditionalSelect(
            Vector.GreaterThan(score, new Vector<float>(cut)), probability, Vector<float>.One - probability));
    }
}
