using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>What a setting achieves.</summary>
/// <param name="Setting">All parameters, none null.</param>
/// <param name="MeanIou">0 to 1.</param>
/// <param name="Time">Of one refinement on one thread, on average.</param>
internal sealed record CrfScore(CrfOverrides Setting, double MeanIou, TimeSpan Time);
