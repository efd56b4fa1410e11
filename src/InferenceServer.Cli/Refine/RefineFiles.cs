namespace InferenceServer.Cli.Refine;

/// <summary>What <c>refine</c> reads and writes.</summary>
/// <param name="Image">The image that guides the edges.</param>
/// <param name="Probabilities">float32 [L, H, W] as <c>.npy</c>.</param>
/// <param name="Energies">Whether those are energies.</param>
/// <param name="Output">Gets the marginals, float32 [L, H, W].</param>
/// <param name="Labels">Gets the label map as indexed PNG; null: not wanted.</param>
internal sealed record RefineFiles(string Image, string Probabilities, bool Energies, string Output, string? Labels);
