namespace DenseCrf;

/// <summary>How closely a refinement follows the mathematics.</summary>
public enum CrfQuality
{
    /// <summary>Within 10⁻⁴ of the reference implementation.</summary>
    Exact,

    /// <summary>An approximation whose speed and loss <c>docs/crf.md</c> states.</summary>
    Fast,
}
