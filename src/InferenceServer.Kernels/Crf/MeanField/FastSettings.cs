namespace InferenceServer.Kernels.Crf.MeanField;

/// <summary>What the fast quality changes; <c>docs/crf.md</c> has the speed and the loss that these values were chosen by.</summary>
/// <remarks>Mean field creeps towards its fixed point. Going half as far again at every step gets there in fewer of them.</remarks>
internal static class FastSettings
{
    /// <summary>How much of the last step of a pixel's exponents is added again.</summary>
    public const float Momentum = 0.55f;

    /// <summary>Part of the iterations that are done; with half of them the loss is a tenth of a point and more.</summary>
    private const float Share = 0.7f;

    private const float PruneBelow = 1e-2f;

    public static (int Iterations, float PruneBelow) Apply(DenseCrfParameters parameters) =>
        parameters.Quality == CrfQuality.Exact
            ? (parameters.Iterations, parameters.PruneBelow)
            : ((int)MathF.Ceiling(parameters.Iterations * Share), Math.Max(parameters.PruneBelow, PruneBelow));
}
