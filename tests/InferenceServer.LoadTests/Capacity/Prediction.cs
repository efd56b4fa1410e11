namespace InferenceServer.LoadTests.Capacity;

/// <summary>What the simulation expects.</summary>
/// <param name="Offered">Requests a second.</param>
/// <param name="Accepted">Masks a second.</param>
/// <param name="Refused">Share of requests that are answered 429.</param>
/// <param name="P50">Milliseconds.</param>
/// <param name="P99">Milliseconds.</param>
internal sealed record Prediction(double Offered, double Accepted, double Refused, double P50, double P99);
