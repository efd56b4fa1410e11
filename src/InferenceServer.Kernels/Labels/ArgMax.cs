using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Labels;

/// <summary>The winning class of every pixel, from scores at the labels' own size.</summary>
public static class ArgMax
{
    /// <summary>Most classes that a byte can name.</summary>
    public const int MaxClasses = 256;

    /// <summary>Labels every pixel with its highest score.</summary>
    /// <param name="scores">CHW, one value a class and pixel; logits and probabilities give the same labels.</param>
    /// <param name="classes">1 to 256.</param>
    /// <param name="labels">HW; its length is the number of pixels.</param>
    /// <remarks>Ties go to the lower class. NaN never wins; a pixel with no score above −∞ is labelled 0.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">Too many classes, or the two lengths disagree.</exception>
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
