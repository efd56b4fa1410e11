namespace DenseCrf.Tests.Reference;

/// <summary>
/// Mean-field inference as algorithm 1 of the paper reads, one loop for each line: the oracle of the tests.
/// </summary>
/// <remarks>
/// Krähenbühl and Koltun, NIPS 2011. Shares no code with the library, only the records that describe kernels. One
/// thread; every buffer is allocated; an image of 500×375 pixels takes seconds.
/// </remarks>
internal sealed class CrfReference
{
    private readonly int _labels;
    private readonly int _pixels;
    private readonly float[] _energies;
    private readonly CrfKernel[] _kernels;
    private readonly PermutohedralFilterReference[] _filters;
    private readonly float[][] _normalizers;

    /// <param name="energies">CHW, in nats.</param>
    /// <param name="rgb">HWC.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="kernels">Applied in this order.</param>
    public CrfReference(ReadOnlySpan<float> energies, ReadOnlySpan<byte> rgb, int width, int height, IEnumerable<CrfKernel> kernels)
    {
        _pixels = width * height;
        _labels = energies.Length / _pixels;
        _energies = Transpose(energies, _labels, _pixels);
        _kernels = [.. kernels];
        byte[] image = rgb.ToArray();
        _filters = [.. _kernels.Select(k => new PermutohedralFilterReference(Features(k, image, width), Dimensions(k)))];
        _normalizers = [.. _kernels.Zip(_filters, Normalizer)];
    }

    /// <summary>Number of vertices of each kernel's lattice.</summary>
    public IEnumerable<int> Vertices => _filters.Select(f => f.Vertices);

    /// <summary>Computes the marginals after <paramref name="iterations"/> iterations, CHW.</summary>
    public float[] Run(int iterations)
    {
        float[] exponents = [.. _energies.Select(u => -u)];
        float[] marginals = Softmax(exponents);
        for (int t = 0; t < iterations; t++)
        {
            exponents = [.. _energies.Select(u => -u)];
            for (int k = 0; k < _kernels.Length; k++)
            {
                SubtractEnergy(exponents, _kernels[k].Compatibility, Message(k, marginals));
            }

            marginals = Softmax(exponents);
        }

        return Transpose(marginals, _pixels, _labels);
    }

    /// <summary>
    /// The features of every pixel. Divides by the deviation: a product with its reciprocal would round differently.
    /// </summary>
    private static float[] Features(CrfKernel kernel, ReadOnlySpan<byte> rgb, int width)
    {
        int d = Dimensions(kernel), pixels = rgb.Length / 3;
        float[] features = new float[pixels * d];
        for (int i = 0; i < pixels; i++)
        {
            features[i * d] = i % width / kernel.Sx;
            features[(i * d) + 1] = i / width / kernel.Sy;
            if (kernel.Rgb is { } deviation)
            {
                features[(i * d) + 2] = rgb[3 * i] / deviation.R;
                features[(i * d) + 3] = rgb[(3 * i) + 1] / deviation.G;
                features[(i * d) + 4] = rgb[(3 * i) + 2] / deviation.B;
            }
        }

        return features;
    }

    /// <summary>Features of a pixel: x and y, and with colour red, green and blue.</summary>
    private static int Dimensions(CrfKernel kernel) => kernel.Rgb is null ? 2 : 5;

    private static float[] Normalizer(CrfKernel kernel, PermutohedralFilterReference filter)
    {
        float[] ones = new float[filter.Points];
        Array.Fill(ones, 1);
        return [.. filter.Filter(ones, 1).Select(z => kernel.Normalization == CrfNormalization.Symmetric
            ? (float)(1 / Math.Sqrt(z + 1e-20))
            : (float)(1 / (z + 1e-20)))];
    }

    /// <summary>The message F Q with the normalisation of the kernel.</summary>
    private float[] Message(int kernel, float[] marginals)
    {
        CrfNormalization mode = _kernels[kernel].Normalization;
        bool before = mode is CrfNormalization.Symmetric or CrfNormalization.Before;
        bool after = mode is CrfNormalization.Symmetric or CrfNormalization.After;
        float[] values = before ? Scaled(marginals, _normalizers[kernel]) : marginals;
        float[] message = _filters[kernel].Filter(values, _labels);
        return after ? Scaled(message, _normalizers[kernel]) : message;
    }

    private float[] Scaled(float[] values, float[] factors) => [.. values.Select((value, i) => value * factors[i / _labels])];

    /// <summary>Subtracts the energy of a message from the exponents of every pixel.</summary>
    private void SubtractEnergy(float[] exponents, CrfCompatibility compatibility, float[] message)
    {
        for (int i = 0; i < message.Length; i++)
        {
            int label = i % _labels, pixel = i - label;
            switch (compatibility.Kind)
            {
                case CrfCompatibilityKind.Potts:
                    exponents[i] += compatibility.Values[0] * message[i];
                    break;

                case CrfCompatibilityKind.Diagonal:
                    exponents[i] -= compatibility.Values[label] * message[i];
                    break;

                default:
                    for (int other = 0; other < _labels; other++)
                    {
                        exponents[i] -= Symmetric(compatibility.Values, label, other) * message[pixel + other];
                    }

                    break;
            }
        }
    }

    /// <summary>Entry of (A + Aᵀ)/2.</summary>
    private float Symmetric(ReadOnlySpan<float> matrix, int row, int column) =>
        (matrix[(row * _labels) + column] + matrix[(column * _labels) + row]) / 2;

    private float[] Softmax(float[] exponents)
    {
        float[] result = new float[exponents.Length];
        for (int i = 0; i < _pixels; i++)
        {
            ReadOnlySpan<float> pixel = exponents.AsSpan(i * _labels, _labels);
            Span<float> marginals = result.AsSpan(i * _labels, _labels);
            float best = float.NegativeInfinity, sum = 0;
            foreach (float exponent in pixel)
            {
                best = Math.Max(best, exponent);
            }

            for (int l = 0; l < _labels; l++)
            {
                sum += marginals[l] = MathF.Exp(pixel[l] - best);
            }

            for (int l = 0; l < _labels; l++)
            {
                marginals[l] /= sum;
            }
        }

        return result;
    }

    private static float[] Transpose(ReadOnlySpan<float> source, int rows, int columns)
    {
        float[] result = new float[source.Length];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                result[(c * rows) + r] = source[(r * columns) + c];
            }
        }

        return result;
    }
}
