using System.Numerics;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>
/// Labels every pixel of the image 0 or 1 from a smaller grid of one plane of scores, for models with a sigmoid output.
/// </summary>
/// <remarks>
/// Bilinear. Logits are compared with the logit of the threshold, so that labels need no exponential.
/// </remarks>
public static class UpsampledThreshold
{
    /// <summary>Labels a pixel 1 if its probability exceeds the threshold, and else 0.</summary>
    /// <param name="scores">Scores on the grid, HW.</param>
    /// <param name="grid">Size of <paramref name="scores"/>.</param>
    /// <param name="rows">Position on the grid of each image row.</param>
    /// <param name="columns">Position on the grid of each image column.</param>
    /// <param name="kind">The probability is the sigmoid of a logit, or the score itself.</param>
    /// <param name="threshold">
    /// The threshold, 0 to 1. A pixel whose probability equals it, or is NaN, gets label 0.
    /// </param>
    /// <param name="labels">Receives the labels of the image, HW; overwritten whole.</param>
    /// <param name="confidence">
    /// Receives the probability of each label times 255, HW, halves rounded up; 0 for NaN. Empty: not computed.
    /// </param>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    public static void Compute(
        ReadOnlySpan<float> scores, ImageSize grid, AxisTaps rows, AxisTaps columns, ScoreKind kind, float threshold,
        Span<byte> labels, Span<byte> confidence)
    {
        AxisTaps.CheckGrid(scores.Length, 1, grid, rows, columns, labels.Length, confidence.Length);
        float cut = Cut(kind, threshold);
        using ExpandedRows expanded = new(scores, grid, 1, columns);
        for (int y = 0; y < rows.Count; y++)
        {
            ScoreRows pixels = expanded.At(rows, y);
            Span<byte> row = labels.Slice(y * columns.Count, columns.Count);
            Span<byte> rowConfidence = confidence.IsEmpty ? [] : confidence.Slice(y * columns.Count, columns.Count);
            int done = Vectorized(pixels, kind, cut, row, rowConfidence);
            Scalar(pixels, kind, cut, row, rowConfidence, done);
        }
    }

    /// <summary>
    /// The threshold to compare scores with. For logits it is log(t / (1 − t)), the logit of the threshold t.
    /// </summary>
    internal static float Cut(ScoreKind kind, float threshold)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threshold, 0);   // refuses NaN too, which compares as less than every number
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threshold, 1);
        if (kind == ScoreKind.Probabilities)
        {
            return threshold;
        }

        return (float)Math.Log(threshold / (1.0 - threshold));
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

    private static int Vectorized(in ScoreRows pixels, ScoreKind kind, float cut, Span<byte> labels, Span<byte> confidence)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

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
