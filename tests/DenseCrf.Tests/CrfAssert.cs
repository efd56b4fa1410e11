namespace DenseCrf.Tests;

/// <summary>
/// Comparisons with the results in assets/crf. The tolerances are the differences between builds of the reference
/// implementation, with a margin.
/// </summary>
internal static class CrfAssert
{
    /// <summary>Compares marginals, CHW, with the stored values of a case.</summary>
    public static void Matches(CrfCase scene, int iterations, ReadOnlySpan<float> marginals)
    {
        bool saturated = scene.Kernels.Any(k => k.Normalization == CrfNormalization.None);
        float[] stored = scene.Marginals(iterations);
        float worst = 0;
        double total = 0;
        for (int i = 0; i < stored.Length; i++)
        {
            int pixel = i / scene.Labels * scene.PixelStep, label = i % scene.Labels;
            float difference = Math.Abs(marginals[(label * scene.Pixels) + pixel] - stored[i]);
            Assert.False(float.IsNaN(difference));
            worst = Math.Max(worst, difference);
            total += difference;
        }

        Assert.InRange(worst, 0, saturated ? 1e-3f : 1e-4f);
        Assert.InRange(total / stored.Length, 0, saturated ? 1e-5 : 1e-6);
        SumsMatch(scene.LabelSums(iterations), marginals, saturated ? 1e-3 : 1e-5);
        if (scene.LabelMap(iterations) is { } labels)
        {
            LabelsMatch(labels, marginals, scene.Labels);
        }
    }

    /// <summary>
    /// Compares labels with the likeliest labels of marginals, CHW. They may differ where the two largest marginals are
    /// within 10⁻³.
    /// </summary>
    public static void LabelsMatch(byte[] labels, ReadOnlySpan<float> marginals, int count)
    {
        for (int i = 0; i < labels.Length; i++)
        {
            float first = -1, second = -1;
            int best = 0;
            for (int l = 0; l < count; l++)
            {
                float q = marginals[(l * labels.Length) + i];
                (first, second, best) = q > first ? (q, first, l) : (first, Math.Max(second, q), best);
            }

            Assert.True(best == labels[i] || first - second < 1e-3f, $"Pixel {i}: {best} instead of {labels[i]} by {first - second}.");
        }
    }

    /// <summary>Compares two arrays value by value.</summary>
    public static void Equal(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance))
            {
                Assert.Fail($"Value {i}: expected {expected[i]}, got {actual[i]}.");
            }
        }
    }

    /// <summary>Compares each label's sum over all pixels, also over those whose marginals are not stored.</summary>
    private static void SumsMatch(double[] expected, ReadOnlySpan<float> marginals, double relative)
    {
        int pixels = marginals.Length / expected.Length;
        for (int l = 0; l < expected.Length; l++)
        {
            double sum = 0;
            foreach (float q in marginals.Slice(l * pixels, pixels))
            {
                sum += q;
            }

            Assert.InRange(sum, expected[l] - (expected[l] * relative) - 1e-3, expected[l] + (expected[l] * relative) + 1e-3);
        }
    }
}
