namespace InferenceServer.Kernels.Metrics;

/// <summary>The confidence of a network in each class, averaged over the pixels of the class.</summary>
public static class ClassConfidence
{
    /// <summary>Computes the mean confidence of each label.</summary>
    /// <param name="labels">The label map, HW.</param>
    /// <param name="confidences">The probability of each pixel's label times 255, HW; may be empty.</param>
    /// <returns>
    /// 256 values from 0 to 1, by label; 0 for labels that do not occur, and for all labels without confidences.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">The lengths differ.</exception>
    public static double[] Compute(ReadOnlySpan<byte> labels, ReadOnlySpan<byte> confidences)
    {
        double[] means = new double[byte.MaxValue + 1];
        if (confidences.IsEmpty)
        {
            return means;
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(confidences.Length, labels.Length);
        long[] sums = new long[means.Length], counts = new long[means.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            sums[labels[i]] += confidences[i];
            counts[labels[i]]++;
        }

        for (int label = 0; label < means.Length; label++)
        {
            means[label] = sums[label] / (255.0 * Math.Max(counts[label], 1));
        }

        return means;
    }
}
