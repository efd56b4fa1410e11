using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>A value for each label, in registers: what the pixel pass and the blur compute with.</summary>
/// <remarks>A static interface, so that one source serves every width and the compiler sees plain vector instructions.</remarks>
internal unsafe interface IRow<TSelf>
    where TSelf : struct, IRow<TSelf>
{
    /// <summary>Values in a row.</summary>
    static abstract int Lanes { get; }

    static abstract TSelf Load(float* source);

    static abstract TSelf Create(float value);

    /// <summary>One value from memory for every label: part of the instruction that uses it, where a register is two instructions more.</summary>
    static abstract TSelf Broadcast(float* value);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    /// <summary>left · right + addend, rounded once where the hardware can.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, TSelf addend);

    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>e^x; exactly 0 below −50, and above 80 as if x were 80. Relative error below 10⁻⁶.</summary>
    static abstract TSelf Exp(TSelf x);

    /// <summary>Four partial sums.</summary>
    static abstract Vector128<float> Fold(TSelf row);

    static abstract float Maximum(TSelf row);

    void Store(float* destination);
}

/// <summary>Constants of e^x = 2ⁿ·e^r with n = round(x / ln 2) and |r| ≤ ½ ln 2.</summary>
/// <remarks>
/// Polynomial: the minimax fit of relative error to 1 + r + … on the interval, 1.1·10⁻⁷; with rounding 3·10⁻⁷. For n up to 72, where rows are
/// used, ln 2 as one float is exact enough in a fused product.
/// </remarks>
internal static class RowExponential
{
    /// <summary>Below this, zero: products of such values would be denormal, and those cost 25 times the whole iteration.</summary>
    public const float Lowest = -50;

    /// <summary>Above this the sum of a pixel is out of range, and the caller starts over with its maximum subtracted.</summary>
    public const float Highest = 80;

    public const float Log2E = 1.44269504f;
    public const float MinusLn2 = -0.693147182f;

    /// <summary>1.5·2²³ + 127: adding it rounds to an integer and leaves n + 127, an exponent, in the lowest bits.</summary>
    public const float Rounder = 12583039f;

    public const float C2 = 0.49999232f;
    public const float C3 = 0.16667115f;
    public const float C4 = 0.04189016f;
    public const float C5 = 0.008312522f;
}
