namespace DenseCrf;

/// <summary>The form of a label compatibility.</summary>
public enum CrfCompatibilityKind
{
    /// <summary>One weight for all labels.</summary>
    Potts,

    /// <summary>One value for each label.</summary>
    Diagonal,

    /// <summary>One value for each pair of labels.</summary>
    Matrix,
}

/// <summary>
/// The label compatibility of a kernel: how the kernel's message m, a value for each label of a pixel, becomes energy.
/// </summary>
/// <remarks>Immutable. Two compatibilities are equal if their kinds and values are equal.</remarks>
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
                throw new ArgumentException($"Expected finite compatibilities, got {value}.", nameof(values));
            }
        }
    }

    /// <summary>The form of this compatibility.</summary>
    public CrfCompatibilityKind Kind { get; }

    /// <summary>The weight (Potts), the value of each label (diagonal), or the matrix row by row.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>Energy −w·m: a positive weight makes pixels take the same label.</summary>
    /// <param name="weight">The weight w, in nats; finite.</param>
    /// <exception cref="ArgumentException">The weight is not finite.</exception>
    public static CrfCompatibility Potts(float weight) => new(CrfCompatibilityKind.Potts, [weight]);

    /// <summary>Energy v[l]·m[l]: a negative value makes pixels take label l together.</summary>
    /// <param name="values">The value v of each label, in nats; finite; copied.</param>
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    public static CrfCompatibility Diagonal(ReadOnlySpan<float> values) => new(CrfCompatibilityKind.Diagonal, values.ToArray());

    /// <summary>Energy S·m with S = (A + Aᵀ)/2: a positive entry keeps its two labels apart.</summary>
    /// <param name="values">The matrix A row by row, labels × labels, in nats; finite; copied.</param>
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    public static CrfCompatibility Matrix(ReadOnlySpan<float> values) => new(CrfCompatibilityKind.Matrix, values.ToArray());

    /// <inheritdoc/>
    public bool Equals(CrfCompatibility? other) => other is not null && Kind == other.Kind && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CrfCompatibility);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, _values.Length, _values.FirstOrDefault());

    /// <summary>The factor of a label's own message. Potts and diagonal compatibilities only.</summary>
    internal float Own(int label)
    {
        if (Kind == CrfCompatibilityKind.Potts)
        {
            return -_values[0];
        }

        return _values[label];
    }

    /// <summary>The largest magnitude of a value.</summary>
    internal float Largest => _values.Max(Math.Abs);

    /// <summary>S[row, column]. Matrix compatibilities only.</summary>
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
            throw new ArgumentException(
                $"Expected {expected} values in a {Kind} compatibility of {labels} labels, got {_values.Length}.");
        }
    }
}
