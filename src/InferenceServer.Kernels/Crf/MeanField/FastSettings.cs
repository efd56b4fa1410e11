namespace InferenceServer.Kernels.Crf.MeanField;

/// <summary>What the fast quality changes; <c>docs/crf.md</c> has the speed and the loss that these values were chosen by.</summary>
internal static class FastSettings
{
    /// <summary>How much of the last step of a pixel's exponents is added again.</summary>
    public static readonly float Momentum = float.Parse(Environment.GetEnvironmentVariable("MOM") ?? "0.5", System.Globalization.CultureInfo.InvariantCulture);

    private static readonly float Share = float.Parse(Environment.GetEnvironmentVariable("SHARE") ?? "0.6", System.Globalization.CultureInfo.InvariantCulture);

    private const float PruneBelow = 1e-2f;

    public static (int Iterations, float PruneBelow) Apply(DenseCrfParameters parameters) =>
        parameters.Quality == CrfQuality.Exact
            ? (parameters.Iterations, parameters.PruneBelow)
            : ((int)MathF.Ceiling(parameters.Iterations * Share), Math.Max(parameters.PruneBelow, PruneBelow));
}
