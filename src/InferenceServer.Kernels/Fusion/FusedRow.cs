using System.Numerics;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Fusion;

/// <summary>Fuses a row of one pass with the scores of earlier passes.</summary>
/// <remarks>
/// Probabilities are those of <see cref="Softmax"/>; the exponentials of a vector of pixels stay on the stack until
/// their sum is known. A maximum ignores NaN.
/// </remarks>
internal static class FusedRow
{
    private const int MostOnStack = 4096; // classes; 128 KB as vectors of 32 bytes

    public static void Compute(
        in ScoreRows pixels, ScoreFusion fusion, float rowWeight, ReadOnlySpan<float> columnWeights, Span<float> sums, int stride)
    {
        int done = Vectorized(pixels, fusion, rowWeight, columnWeights, sums, stride);
        Scalar(pixels, fusion, rowWeight, columnWeights, sums, stride, done);
    }

    /// <summary>Fuses the pixels from <paramref name="start"/> on: the specification of the vector form.</summary>
    internal static void Scalar(
        in ScoreRows pixels, ScoreFusion fusion, float rowWeight, ReadOnlySpan<float> columnWeights, Span<float> sums, int stride,
        int start)
    {
        Span<float> terms = pixels.Classes <= MostOnStack ? stackalloc float[pixels.Classes] : new float[pixels.Classes];
        for (int x = start; x < pixels.Width; x++)
        {
            float weight = columnWeights[x] * rowWeight;
            for (int c = 0; c < terms.Length; c++)
            {
                terms[c] = pixels.At((c * pixels.Stride) + x);
            }

            if (fusion == ScoreFusion.AddSoftmax)
            {
                weight /= Exponentials(terms);
            }
            else if (fusion == ScoreFusion.AddSigmoid)
            {
                Sigmoids(terms);
            }

            for (int c = 0; c < terms.Length; c++)
            {
                ref float sum = ref sums[(c * stride) + x];
                if (fusion != ScoreFusion.Max)
                {
                    sum = float.MultiplyAddEstimate(terms[c], weight, sum);
                }
                else if (terms[c] > sum)
                {
                    sum = terms[c];
                }
            }
        }
    }

    private static int Vectorized(
        in ScoreRows pixels, ScoreFusion fusion, float rowWeight, ReadOnlySpan<float> columnWeights, Span<float> sums, int stride)
    {
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        Span<Vector<float>> terms = pixels.Classes <= MostOnStack
            ? stackalloc Vector<float>[pixels.Classes]
            : new Vector<float>[pixels.Classes];
        int x = 0;
        for (; x <= pixels.Width - Vector<float>.Count; x += Vector<float>.Count)
        {
            Vector<float> weight = new Vector<float>(columnWeights[x..]) * rowWeight;
            for (int c = 0; c < terms.Length; c++)
            {
                terms[c] = pixels.VectorAt((c * pixels.Stride) + x);
            }

            if (fusion == ScoreFusion.AddSoftmax)
            {
                weight /= Exponentials(terms);
            }
            else if (fusion == ScoreFusion.AddSigmoid)
            {
                Sigmoids(terms);
            }

            Span<float> column = sums[x..];
            for (int c = 0; c < terms.Length; c++)
            {
                Span<float> place = column.Slice(c * stride, Vector<float>.Count);
                Vector<float> sum = new(place);
                sum = fusion != ScoreFusion.Max
                    ? Vector.MultiplyAddEstimate(terms[c], weight, sum)
                    : Vector.ConditionalSelect(Vector.GreaterThan(terms[c], sum), terms[c], sum);
                sum.CopyTo(place);
            }
        }

        return x;
    }

    /// <summary>Replaces each score by e^(score − largest score), and returns the sum.</summary>
    private static float Exponentials(Span<float> scores)
    {
        float best = float.NegativeInfinity, sum = 0;
        foreach (float score in scores)
        {
            best = Math.Max(best, score);
        }

        foreach (ref float score in scores)
        {
            score = Exponential.Scalar(score - best);
            sum += score;
        }

        return sum;
    }

    private static Vector<float> Exponentials(Span<Vector<float>> scores)
    {
        Vector<float> best = new(float.NegativeInfinity), sum = Vector<float>.Zero;
        foreach (Vector<float> score in scores)
        {
            best = Vector.Max(best, score);
        }

        foreach (ref Vector<float> score in scores)
        {
            score = Exponential.Compute(score - best);
            sum += score;
        }

        return sum;
    }

    private static void Sigmoids(Span<float> scores)
    {
        foreach (ref float score in scores)
        {
            score = Sigmoid.Scalar(score);
        }
    }

    private static void Sigmoids(Span<Vector<float>> scores)
    {
        foreach (ref Vector<float> score in scores)
        {
            score = Sigmoid.Compute(score);
        }
    }
}
