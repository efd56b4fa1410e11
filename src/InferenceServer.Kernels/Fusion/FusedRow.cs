using System.Numerics;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Fusion;

/// <summary>One row of one pass joins the rows of the others.</summary>
/// <remarks>A probability is computed as <see cref="Softmax"/> computes it, once: the exponentials of a vector of pixels stay on the stack until their sum is known. NaN never wins a maximum.</remarks>
internal static class FusedRow
{
    public static void Compute(in ScoreRows pixels, ScoreFusion fusion, float rowWeight, ReadOnlySpan<float> columnWeights, Span<float> sums, int stride)
    {
        int done = Vector.IsHardwareAccelerated ? Vectorized(pixels, fusion, rowWeight, columnWeights, sums, stride) : 0;
        Scalar(pixels, fusion, rowWeight, columnWeights, sums, stride, done);
    }

    /// <summary>The specification, from pixel <paramref name="start"/> on.</summary>
    internal static void Scalar(in ScoreRows pixels, ScoreFusion fusion, float rowWeight, ReadOnlySpan<float> columnWeights, Span<float> sums, int stride, int start)
    {
        Span<float> terms = stackalloc float[pixels.Classes];
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
                sum = fusion != ScoreFusion.Max ? float.MultiplyAddEstimate(terms[c], weight, sum) : terms[c] > sum ? terms[c] : sum;
            }
        }
    }

    internal static int Vectorized(in ScoreRows pixels, ScoreFusion fusion, float rowWeight, ReadOnlySpan<float> columnWeights, Span<float> sums, int stride)
    {
        Span<Vector<float>> terms = stackalloc Vector<float>[pixels.Classes];
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

    /// <summary>e to the power of each score less the largest; returns their sum.</summary>
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
