namespace DenseCrf;

/// <summary>What the numbers handed to the CRF are.</summary>
public enum CrfUnary
{
    /// <summary>Probabilities p in 0…1. The energy is −ln p, with p raised to 10⁻⁵ first: a zero would be an infinite energy.</summary>
    Probabilities,

    /// <summary>Energies in nats, finite, taken as they are; lower is likelier.</summary>
    Energies,
}
