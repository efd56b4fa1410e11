namespace InferenceServer.Kernels.Metrics;

/// <summary>What the metrics of one class are made of, in pixels.</summary>
internal readonly record struct ClassCounts(long Correct, long Truth, long Predicted)
{
    // 0/0 is NaN in floating point, which is just what an absent class should be.
    public double IoU => (double)Correct / (Truth + Predicted - Correct);

    public double Accuracy => (double)Correct / Truth;

    public double Dice => 2.0 * Correct / (Truth + Predicted);
}
