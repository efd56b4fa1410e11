namespace InferenceServer.Cli.Bench;

/// <summary>One stage of a request.</summary>
/// <param name="Stage">Its name, as in metrics.</param>
/// <param name="MedianMs">Median over the requests.</param>
/// <param name="Share">That median's share of the median request, 0 to 1.</param>
internal sealed record StageShare(string Stage, double MedianMs, double Share);
