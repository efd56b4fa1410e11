namespace InferenceServer.OpenInference;

/// <summary>How many answers a request gets.</summary>
public sealed record TransactionPolicy
{
    /// <summary>Whether it can be another number than one; it cannot.</summary>
    public bool Decoupled { get; init; }
}
