namespace InferenceServer.Kernels.Metrics;

/// <summary>How sure a network is of each class, over all pixels that it has.</summary>
public static class ClassConfidence
{
    /// <summary>The mean of each label's confidences.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="confidences">Probabilities × 255, HW; empty where there are none.</param>
    /// <returns>By label, 0 to 1; 0 for those that do not occur, and for all where there are no confidences.</returns>
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
            means[label] = counts[label] == 0 ? 0 : sums[label] / (255.0 * counts[label]);
        }

        return means;
    }
}
