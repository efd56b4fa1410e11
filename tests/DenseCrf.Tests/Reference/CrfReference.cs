using InferenceServer.Kernels;

namespace DenseCrf.Tests.Reference;

/// <summary>Mean-field inference as algorithm 1 of the paper reads, one loop for each of its lines: the oracle of the tests.</summary>
/// <remarks>Krähenbühl and Koltun, NIPS 2011. One thread, everything allocated; seconds for a photograph.</remarks>
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
    /// <param name="size">Of the image.</param>
    /// <param name="labels">Planes of <paramref name="energies"/>.</param>
    /// <param name="kernels">Applied in this order.</param>
    public CrfReference(ReadOnlySpan<float> energies, ReadOnlySpan<byte> rgb, ImageSize size, int labels, IEnumerable<CrfKernel> kernels)
    {
        _labels = labels;
        _pixels = (int)size.Pixels;
        _energies = Transpose(energies, labels, _pixels);
        _kernels = [.. kernels];
        byte[] image = rgb.ToArray();
        _filters = [.. _kernels.Select(k => new PermutohedralFilterReference(Features(k, image, size), k.Dimensions))];
        _normalizers = [.. _kernels.Zip(_filters, Normalizer)];
    }

    /// <summary>Vertices of each kernel's lattice.</summary>
    public IEnumerable<int> Vertices => _filters.Select(f => f.Vertices);

    /// <summary>The marginals after some iterations, CHW.</summary>
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

    /// <summary>Features of every pixel; each is a float division, not a product with a reciprocal.</summary>
    internal static float[] Features(CrfKernel kernel, ReadOnlySpan<byte> rgb, ImageSize size)
    {
        int d = kernel.Dimensions;
        float[] features = new float[size.Pixels * d];
        for (int i = 0; i < size.Pixels; i++)
        {
            features[i * d] = i % size.Width / kernel.Sx;
            features[(i * d) + 1] = i / size.Width / kernel.Sy;
            if (kernel.Rgb is { } deviation)
            {
                features[(i * d) + 2] = rgb[3 * i] / deviation.R;
                features[(i * d) + 3] = rgb[(3 * i) + 1] / deviation.G;
                features[(i * d) + 4] = rgb[(3 * i) + 2] / deviation.B;
            }
        }

        return features;
    }

    private static float[] Normalizer(CrfKernel kernel, PermutohedralFilterReference filter)
    {
        float[] ones = new float[filter.Points];
        Array.Fill(ones, 1);
        return [.. filter.Filter(ones, 1).Select(z => kernel.Normalization == CrfNormalization.Symmetric
            ? (float)(1 / Math.Sqrt(z + 1e-20))
            : (float)(1 / (z + 1e-20)))];
    }

    /// <summary>F Q with the normalisation of the kernel.</summary>
    private float[] Message(int kernel, float[] marginals)
    {
        CrfNormalization mode = _kernels[kernel].Normalization;
        float[] before = mode is CrfNormalization.Symmetric or CrfNormalization.Before ? Scaled(marginals, _normalizers[kernel]) : marginals;
        float[] message = _filters[kernel].Filter(before, _labels);
        return mode is CrfNormalization.Symmetric or CrfNormalization.After ? Scaled(message, _normalizers[kernel]) : message;
    }

    private float[] Scaled(float[] values, float[] factors) => [.. values.Select((value, i) => value * factors[i / _labels])];

    /// <summary>Subtracts the energy that the message of every pixel amounts to.</summary>
    private void SubtractEnergy(float[] exponents, CrfCompatibility compatibility, float[] message)
    {
        for (int i = 0; i < message.Length; i++)
        {
            int label = i % _labels, pixel = i - label;
            if (compatibility.Kind != CrfCompatibilityKind.Matrix)
            {
                exponents[i] -= compatibility.Own(label) * message[i];
                continue;
            }

            for (int other = 0; other < _labels; other++)
            {
                exponents[i] -= compatibility.Symmetric(label, other, _labels) * message[pixel + other];
            }
        }
    }

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
