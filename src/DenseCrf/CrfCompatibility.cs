namespace DenseCrf;

/// <summary>How a kernel's message for one pixel, a value for each label, becomes energy.</summary>
/// <remarks>Only one of the three forms is set. Two compatibilities are equal when their entries are.</remarks>
public sealed class CrfCompatibility : IEquatable<CrfCompatibility>
{
    private readonly float[] _values;

    private CrfCompatibility(CrfCompatibilityKind kind, float[] values)
    {
        Kind = kind;
        _values = values;
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                throw new ArgumentException("A compatibility must be finite.", nameof(values));
            }
        }
    }

    /// <summary>Which of the three forms this is.</summary>
    public CrfCompatibilityKind Kind { get; }

    /// <summary>One weight (Potts), a value for each label (diagonal), or rows of a square matrix, one after the other.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>Energy −w·m: equal labels attract when the weight is positive.</summary>
    /// <param name="weight">Finite, in nats.</param>
    public static CrfCompatibility Potts(float weight) => new(CrfCompatibilityKind.Potts, [weight]);

    /// <summary>Energy v[l]·m[l], exactly as given: attraction needs negative entries.</summary>
    /// <param name="values">A value for each label; copied.</param>
    public static CrfCompatibility Diagonal(ReadOnlySpan<float> values) => new(CrfCompatibilityKind.Diagonal, values.ToArray());

    /// <summary>Energy S·m with S = (A + Aᵀ)/2, exactly as given: a positive entry repels.</summary>
    /// <param name="values">A by rows, labels × labels; copied.</param>
    public static CrfCompatibility Matrix(ReadOnlySpan<float> values) => new(CrfCompatibilityKind.Matrix, values.ToArray());

    /// <inheritdoc/>
    public bool Equals(CrfCompatibility? other) => other is not null && Kind == other.Kind && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CrfCompatibility);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, _values.Length, _values.Length == 0 ? 0 : _values[0]);

    /// <summary>The factor of one label's own message; for Potts and diagonal forms only.</summary>
    internal float Own(int label) => Kind == CrfCompatibilityKind.Potts ? -_values[0] : _values[label];

    /// <summary>S[row, column] of the matrix form.</summary>
    internal float Symmetric(int row, int column, int labels) =>
        (_values[(row * labels) + column] + _values[(column * labels) + row]) / 2;

    internal void Check(int labels)
    {
        int expected = Kind switch
        {
            CrfCompatibilityKind.Potts => 1,
            CrfCompatibilityKind.Diagonal => labels,
            _ => labels * labels,
        };
        if (_values.Length != expected)
        {
            throw new ArgumentException($"A {Kind} compatibility of {labels} labels has {expected} values, not {_values.Length}.");
        }
    }
}

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
