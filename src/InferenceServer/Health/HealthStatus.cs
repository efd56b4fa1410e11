namespace InferenceServer.Health;

/// <summary>The answer of a probe that passed.</summary>
/// <param name="Status">live or ready.</param>
public sealed record HealthStatus(string Status);
