namespace InferenceServer.Kernels.Resizing;

/// <summary>
/// One axis of an OpenCV resize: the two or four source coordinates of each output coordinate, and their weights.
/// </summary>
/// <remarks>
/// OpenCV 4.6, <c>modules/imgproc/src/resize.cpp</c>, <c>hal::resize</c>: positions are computed in double and rounded
/// to float, weights are computed in float and rounded to 11 fractional bits, halves to even. Every rounding is
/// repeated here, because it changes pixels.
/// </remarks>
internal sealed class OpenCvTaps
{
    public const int CoefficientBits = 11;
    private const float Scale = 1 << CoefficientBits;

    private readonly int[] _indices;
    private readonly int[] _weights;

    private OpenCvTaps(int output, int taps)
    {
        PerOutput = taps;
        _indices = new int[output * taps];
        _weights = new int[output * taps];
    }

    /// <summary>Source coordinates of each output coordinate: 2 for bilinear, 4 for bicubic.</summary>
    public int PerOutput { get; }

    /// <param name="input">Source length.</param>
    /// <param name="output">Destination length.</param>
    /// <param name="filter">Bilinear or bicubic.</param>
    /// <param name="clampFraction">
    /// Whether bilinear taps beyond the border have fraction 0, as OpenCV's columns do. OpenCV's rows keep the fraction
    /// and repeat the row at the border, which rounds differently in the vertical pass.
    /// </param>
    public static OpenCvTaps Create(int input, int output, ResizeFilter filter, bool clampFraction)
    {
        bool cubic = filter == ResizeFilter.Bicubic;
        OpenCvTaps result = new(output, cubic ? 4 : 2);
        double scale = InverseScale(input, output);
        Span<float> weights = stackalloc float[4];
        for (int x = 0; x < output; x++)
        {
            float fraction = (float)(((x + 0.5) * scale) - 0.5);
            int lower = (int)MathF.Floor(fraction);
            fraction -= lower;
            if (cubic)
            {
                Cubic(fraction, weights);
            }
            else
            {
                if (clampFraction && (lower < 0 || lower >= input - 1))
                {
                    (fraction, lower) = (0, Math.Clamp(lower, 0, input - 1));
                }

                (weights[0], weights[1]) = (1f - fraction, fraction);
            }

            int first = cubic ? lower - 1 : lower;
            for (int k = 0; k < result.PerOutput; k++)
            {
                result._indices[(x * result.PerOutput) + k] = Math.Clamp(first + k, 0, input - 1);
                result._weights[(x * result.PerOutput) + k] = (int)MathF.Round(weights[k] * Scale);
            }
        }

        return result;
    }

    /// <summary>
    /// Source pixels for each destination pixel, with the two roundings of OpenCV: 1 / (output / input).
    /// </summary>
    public static double InverseScale(int input, int output) => 1.0 / ((double)output / input);

    public ReadOnlySpan<int> Indices(int x) => _indices.AsSpan(x * PerOutput, PerOutput);

    public ReadOnlySpan<int> Weights(int x) => _weights.AsSpan(x * PerOutput, PerOutput);

    internal static void Cubic(float x, Span<float> weights)
    {
        const float A = -0.75f;
        weights[0] = (((((A * (x + 1)) - (5 * A)) * (x + 1)) + (8 * A)) * (x + 1)) - (4 * A);
        weights[1] = ((((A + 2) * x) - (A + 3)) * x * x) + 1;
        weights[2] = ((((A + 2) * (1 - x)) - (A + 3)) * (1 - x) * (1 - x)) + 1;
        weights[3] = 1f - weights[0] - weights[1] - weights[2];
    }
}
