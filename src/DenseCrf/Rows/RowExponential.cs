namespace DenseCrf.Rows;

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
