using DenseCrf;

namespace InferenceServer.Runtime.Refinement;

/// <summary>What a request wants of the CRF instead of what the model's manifest says; null keeps that.</summary>
public sealed record CrfOverrides
{
    /// <summary>Mean-field iterations.</summary>
    public int? Iterations { get; init; }

    /// <summary>Weight of the smoothness kernel; 0 leaves it out.</summary>
    public float? GaussianWeight { get; init; }

    /// <summary>Its standard deviation in pixels of the photograph.</summary>
    public float? GaussianXy { get; init; }

    /// <summary>Weight of the appearance kernel; 0 leaves it out.</summary>
    public float? BilateralWeight { get; init; }

    /// <summary>Its standard deviation in pixels of the photograph.</summary>
    public float? BilateralXy { get; init; }

    /// <summary>Its standard deviation in 8-bit steps of colour.</summary>
    public float? BilateralRgb { get; init; }

    /// <summary>Exact, or the faster approximation.</summary>
    public CrfQuality? Quality { get; init; }
}
