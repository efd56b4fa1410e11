namespace DenseCrf.MeanField;

/// <summary>
/// What <see cref="CrfQuality.Fast"/> changes. <c>docs/crf.md</c> shows speed and loss for these values.
/// </summary>
/// <remarks>
/// Mean field approaches its fixed point slowly; a step that is half as long again gets there in fewer iterations.
/// </remarks>
internal static class FastSettings
{
    /// <summary>The part of the last change of a pixel's exponents that is added once more.</summary>
    public const float Momentum = 0.55f;

    /// <summary>
    /// Images of fewer pixels are refined exactly: an exact refinement takes a few milliseconds, and a few wrong pixels
    /// would be a large part of the image.
    /// </summary>
    private const long MinPixels = 128 * 128;

    /// <summary>
    /// The part of the iterations that is computed. With half of them the loss is a tenth of a point of mean IoU or
    /// more.
    /// </summary>
    private const float IterationShare = 0.7f;

    private const float PruneBelow = 1e-2f;

    public static bool Apply(CrfParameters parameters, ImageSize size) =>
        parameters.Quality == CrfQuality.Fast && size.Pixels >= MinPixels;

    public static int Iterations(CrfParameters parameters) => (int)MathF.Ceiling(parameters.Iterations * IterationShare);

    public static float Threshold(CrfParameters parameters) => Math.Max(parameters.PruneBelow, PruneBelow);
}
