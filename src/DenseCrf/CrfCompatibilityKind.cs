namespace DenseCrf;

/// <summary>The form of a label compatibility.</summary>
public enum CrfCompatibilityKind
{
    /// <summary>One weight for every label.</summary>
    Potts,

    /// <summary>A value for each label.</summary>
    Diagonal,

    /// <summary>A value for each pair of labels.</summary>
    Matrix,
}
