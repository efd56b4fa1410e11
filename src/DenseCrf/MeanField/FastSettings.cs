namespace DenseCrf.MeanField;

/// <summary>What the fast quality changes; <c>docs/crf.md</c> has the speed and the loss that these values were chosen by.</summary>
/// <remarks>Mean field creeps towards its fixed point. Going half as far again at every step gets there in fewer of them.</remarks>
internal static class FastSettings
{
    /// <summary>How much of the last step of a pixel's exponents is added again.</summary>
    public const float Momentum = 0.55f;

    /// <summary>Images of fewer pixels are refined exactly: that takes a few milliseconds, and a few changed pixels are much of them.</summary>
    private const long SmallestImage = 128 * 128;

    /// <summary>Part of the iterations that are done; with half of them the loss is a tenth of a point and more.</summary>
    private const float Share = 0.7f;

    private const float PruneBelow = 1e-2f;

    public static bool Apply(CrfParameters parameters, ImageSize size) =>
        parameters.Quality == CrfQuality.Fast && size.Pixels >= SmallestImage;

    public static int Iterations(CrfParameters parameters) => (int)MathF.Ceiling(parameters.Iterations * Share);

    public static float Threshold(CrfParameters parameters) => Math.Max(parameters.PruneBelow, PruneBelow);
}
