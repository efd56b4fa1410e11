using System.Numerics;

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
