namespace InferenceServer.Kernels.Resizing;

/// <summary>One axis of a Pillow resize: the source coordinates of each output coordinate, and their weights.</summary>
/// <remarks>
/// Pillow, <c>src/libImaging/Resample.c</c>, <c>precompute_coeffs</c> and <c>normalize_coeffs_8bpc</c>: weights are
/// computed in double, normalised to sum to 1, and rounded to 22 fractional bits, halves away from zero. The order of
/// operations is that of Pillow, because a different rounding of a single weight changes pixels by a level.
/// </remarks>
internal sealed class ResampleWeights
{
    /// <summary>Fractional bits of a weight: 32, less 8 for the pixel and 2 for overshoot.</summary>
    public const int PrecisionBits = 22;

    private readonly int[] _starts;
    private readonly int[] _counts;
    private readonly int[] _weights;
    private readonly int _stride;

    private ResampleWeights(int output, int stride)
    {
        _starts = new int[output];
        _counts = new int[output];
        _weights = new int[output * stride];
        _stride = stride;
    }

    public static ResampleWeights Create(int input, int output, ResizeFilter filter)
    {
        double scale = (double)input / output;
        double filterScale = Math.Max(scale, 1.0);   // the kernel is wider in a reduction, which prevents aliasing
        double radius = filter == ResizeFilter.Bicubic ? 2.0 : 1.0, support = radius * filterScale;
        int stride = ((int)Math.Ceiling(support) * 2) + 1;
        ResampleWeights result = new(output, stride);
        double[] exact = new double[stride];
        double inverse = 1.0 / filterScale;
        for (int x = 0; x < output; x++)
        {
            double center = (x + 0.5) * scale;
            int start = Math.Max((int)(center - support + 0.5), 0);
            int count = Math.Min((int)(center + support + 0.5), input) - start;
            double sum = 0;
            for (int i = 0; i < count; i++)
            {
                exact[i] = Evaluate(filter, (i + start - center + 0.5) * inverse);
                sum += exact[i];
            }

            for (int i = 0; i < count; i++)
            {
                double weight = exact[i];
                if (sum != 0)
                {
                    weight /= sum;
                }

                weight *= 1 << PrecisionBits;
                result._weights[(x * stride) + i] = (int)(weight + Math.CopySign(0.5, weight));
            }

            result._starts[x] = start;
            result._counts[x] = count;
        }

        return result;
    }

    /// <summary>The largest number of source coordinates of an output coordinate.</summary>
    public int MaxTaps => _counts.Max();

    /// <summary>
    /// The weights of output coordinate <paramref name="x"/>, which belong to consecutive source coordinates from
    /// <paramref name="start"/> on.
    /// </summary>
    public ReadOnlySpan<int> Taps(int x, out int start)
    {
        start = _starts[x];
        return _weights.AsSpan(x * _stride, _counts[x]);
    }

    internal static double Evaluate(ResizeFilter filter, double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        if (filter == ResizeFilter.Bilinear)
        {
            return Math.Max(1.0 - x, 0.0);
        }

        if (x < 1.0)
        {
            return ((((A + 2.0) * x) - (A + 3.0)) * x * x) + 1;
        }

        if (x < 2.0)
        {
            return ((((x - 5) * x) + 8) * x - 4) * A;
        }

        return 0.0;
    }
}
