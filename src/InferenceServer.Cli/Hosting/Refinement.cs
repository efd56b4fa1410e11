using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Hosting;

/// <summary>What a command wants of the CRF.</summary>
/// <param name="Refine">Whether masks are refined; null leaves that to the model's manifest.</param>
/// <param name="Crf">Parameters that differ from the manifest's.</param>
internal sealed record Refinement(bool? Refine, CrfOverrides Crf);
