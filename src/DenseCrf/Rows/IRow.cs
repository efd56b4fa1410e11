using System.Runtime.Intrinsics;

namespace DenseCrf.Rows;

/// <summary>
/// A value for each label, in registers: the unit of computation of the passes over pixels and of the blur.
/// </summary>
/// <remarks>
/// Members are static, so that one source serves every width and the compiler emits plain vector instructions.
/// </remarks>
internal unsafe interface IRow<TSelf>
    where TSelf : struct, IRow<TSelf>
{
    /// <summary>Values in a row.</summary>
    static abstract int Lanes { get; }

    static abstract TSelf Load(float* source);

    static abstract TSelf Create(float value);

    /// <summary>
    /// A row of one value from memory. The broadcast is part of the instruction that uses it; from a register it would
    /// take two more.
    /// </summary>
    static abstract TSelf Broadcast(float* value);

    static abstract TSelf operator +(TSelf left, TSelf right);

    static abstract TSelf operator *(TSelf left, TSelf right);

    /// <summary>left · right + addend, rounded once if the hardware has such an instruction.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, TSelf addend);

    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>e^x with a relative error below 10⁻⁶; 0 for x below −50, and e⁸⁰ for x above 80.</summary>
    static abstract TSelf Exp(TSelf x);

    /// <summary>Four partial sums of the row.</summary>
    static abstract Vector128<float> Fold(TSelf row);

    /// <summary>The largest value of the row.</summary>
    static abstract float Maximum(TSelf row);

    void Store(float* destination);
}

/// <summary>Constants for e^x = 2ⁿ·e^r with n = round(x / ln 2) and |r| ≤ ½ ln 2.</summary>
/// <remarks>
/// The polynomial is the minimax fit to e^r that starts with 1 + r, with a relative error of 1.1·10⁻⁷, and 3·10⁻⁷ with
/// rounding. The largest |n| that occurs in rows is 72; up to there ln 2 as one float is exact enough in a fused
/// product.
/// </remarks>
internal static class RowExponential
{
    /// <summary>
    /// Smaller x give 0. Products of their exponentials would be denormal, which made an iteration 25 times as slow.
    /// </summary>
    public const float MinX = -50;

    /// <summary>
    /// Larger x count as this one. The pixel's sum is then out of range, and the caller repeats with the maximum
    /// subtracted.
    /// </summary>
    public const float MaxX = 80;

    public const float Log2E = 1.44269504f;
    public const float MinusLn2 = -0.693147182f;

    /// <summary>
    /// 1.5·2²³ + 127. Adding it rounds to an integer and leaves n + 127, the exponent of 2ⁿ, in the lowest bits.
    /// </summary>
    public const float Rounder = 12583039f;

    public const float C2 = 0.49999232f;
    public const float C3 = 0.16667115f;
    public const float C4 = 0.04189016f;
    public const float C5 = 0.008312522f;
}
