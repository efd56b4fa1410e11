using System.Buffers;

namespace InferenceServer.Kernels.Resizing;

/// <summary>Resizes one plane of floats, as Pillow does in mode F, or as <c>cv2.resize</c> does on float32.</summary>
/// <remarks>The positions and weights are those of <see cref="PillowResizer"/> and <see cref="OpenCvResizer"/>, without the
/// rounding to 8 bits. Sums are made in double, so that results differ from both libraries by the rounding of a float
/// (relative error of 1e-6 of the largest value). NaN spreads to every pixel whose kernel touches it.</remarks>
public static class PlaneResizer
{
    /// <summary>The rows of a plane that some rows of the resized plane depend on.</summary>
    /// <param name="source">Rows of the plane.</param>
    /// <param name="destination">Rows of the whole resized plane.</param>
    /// <param name="filter">The kernel.</param>
    /// <param name="antialias">As for <see cref="Resize"/>.</param>
    /// <param name="firstRow">The first row of the resized plane.</param>
    /// <param name="rows">Number of its rows; at least 1.</param>
    /// <returns>The first row of the plane, and the number of rows.</returns>
    public static (int First, int Count) SourceRows(
        int source, int destination, ResizeFilter filter, bool antialias, int firstRow, int rows)
    {
        double scale = (double)source / destination;
        double support = 2; // at least what each kernel sees on either side
        if (antialias)
        {
            support = Math.Max(scale, 1) * 2;
        }

        int first = (int)Math.Max(Math.Floor((firstRow * scale) - support) - 1, 0);
        int end = (int)Math.Min(Math.Ceiling(((firstRow + rows) * scale) + support) + 1, source);
        return (first, end - first);
    }

    /// <summary>Computes some rows of a resized plane; they equal those of the whole resized plane.</summary>
    /// <param name="source">Rows of the plane, HW: all of them, or those of <see cref="SourceRows"/>.</param>
    /// <param name="sourceFirst">The first of these rows.</param>
    /// <param name="sourceSize">Size of the whole plane; both sides at least 1.</param>
    /// <param name="destination">Receives the rows, HW; overwritten whole. Must not overlap <paramref name="source"/>.</param>
    /// <param name="destinationSize">Size of the whole resized plane.</param>
    /// <param name="filter">The kernel.</param>
    /// <param name="antialias">True: as Pillow, whose kernel widens in a reduction. False: as OpenCV.</param>
    /// <param name="firstRow">The first row of the resized plane to compute.</param>
    /// <param name="rows">Number of rows to compute.</param>
    /// <exception cref="ArgumentException">A length does not fit its size.</exception>
    public static void Resize(
        ReadOnlySpan<float> source, int sourceFirst, ImageSize sourceSize, Span<float> destination, ImageSize destinationSize,
        ResizeFilter filter, bool antialias, int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, (long)rows * destinationSize.Width, nameof(destination));
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow, destinationSize.Height - rows);
        (int first, int count) = SourceRows(sourceSize.Height, destinationSize.Height, filter, antialias, firstRow, rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sourceFirst, first);
        ArgumentOutOfRangeException.ThrowIfLessThan(source.Length, (long)(first + count - sourceFirst) * sourceSize.Width, nameof(source));
        Axis columns = Axis.Create(sourceSize.Width, destinationSize.Width, filter, antialias);
        Axis lines = Axis.Create(sourceSize.Height, destinationSize.Height, filter, antialias);
        bool halves = sourceSize == new ImageSize(destinationSize.Width * 2, destinationSize.Height * 2);
        if (filter == ResizeFilter.Bilinear && !antialias && halves)
        {
            // OpenCV averages blocks of 2×2.
            (columns, lines) = (Axis.Halves(destinationSize.Width), Axis.Halves(destinationSize.Height));
        }

        Interpolate(source, sourceFirst, sourceSize.Width, destination, columns, lines, firstRow, rows);
    }

    private static void Interpolate(
        ReadOnlySpan<float> source, int sourceFirst, int sourceWidth, Span<float> destination, Axis columns, Axis lines,
        int firstRow, int rows)
    {
        int width = columns.Length, taps = lines.Taps;
        float[] window = ArrayPool<float>.Shared.Rent(taps * width);
        double[] sums = ArrayPool<double>.Shared.Rent(width);
        int[] held = new int[taps]; // the source row in each slot, which is the row number modulo the number of taps
        Array.Fill(held, -1);
        for (int y = 0; y < rows; y++)
        {
            sums.AsSpan(0, width).Clear();
            ReadOnlySpan<int> indices = lines.Indices(firstRow + y);
            ReadOnlySpan<double> weights = lines.Weights(firstRow + y);
            for (int k = 0; k < indices.Length; k++)
            {
                if (weights[k] == 0)
                {
                    continue; // NaN × 0 is NaN
                }

                int row = indices[k];
                Span<float> line = window.AsSpan(row % taps * width, width);
                if (held[row % taps] != row)
                {
                    held[row % taps] = row;
                    Horizontal(source.Slice((row - sourceFirst) * sourceWidth, sourceWidth), line, columns);
                }

                for (int x = 0; x < width; x++)
                {
                    sums[x] += line[x] * weights[k];
                }
            }

            for (int x = 0; x < width; x++)
            {
                destination[(y * width) + x] = (float)sums[x];
            }
        }

        ArrayPool<double>.Shared.Return(sums);
        ArrayPool<float>.Shared.Return(window);
    }

    private static void Horizontal(ReadOnlySpan<float> row, Span<float> output, Axis columns)
    {
        for (int x = 0; x < output.Length; x++)
        {
            ReadOnlySpan<int> indices = columns.Indices(x);
            ReadOnlySpan<double> weights = columns.Weights(x);
            double sum = 0;
            for (int k = 0; k < indices.Length; k++)
            {
                if (weights[k] != 0)
                {
                    sum += row[indices[k]] * weights[k];
                }
            }

            output[x] = (float)sum;
        }
    }

    /// <summary>The source coordinates of each output coordinate, and their weights.</summary>
    private sealed class Axis(int length, int taps)
    {
        private readonly int[] _indices = new int[length * taps];
        private readonly double[] _weights = new double[length * taps];

        public int Length => length;

        /// <summary>Distance of the slots that rows of one output row need.</summary>
        public int Taps => taps;

        public ReadOnlySpan<int> Indices(int x) => _indices.AsSpan(x * taps, taps);

        public ReadOnlySpan<double> Weights(int x) => _weights.AsSpan(x * taps, taps);

        public static Axis Create(int input, int output, ResizeFilter filter, bool antialias)
        {
            if (filter == ResizeFilter.Nearest)
            {
                return Nearest(antialias ? PillowResizer.NearestOffsets(input, output) : OpenCvResizer.NearestOffsets(input, output));
            }

            if (antialias)
            {
                return Pillow(input, output, filter);
            }

            return OpenCv(input, output, filter);
        }

        public static Axis Halves(int output)
        {
            Axis axis = new(output, 2);
            for (int i = 0; i < output * 2; i++)
            {
                (axis._indices[i], axis._weights[i]) = (i, 0.5);
            }

            return axis;
        }

        private static Axis Nearest(int[] offsets)
        {
            Axis axis = new(offsets.Length, 1);
            offsets.CopyTo(axis._indices, 0);
            Array.Fill(axis._weights, 1);
            return axis;
        }

        private static Axis Pillow(int input, int output, ResizeFilter filter)
        {
            double scale = (double)input / output, widening = Math.Max(scale, 1.0);
            double support = (filter == ResizeFilter.Bicubic ? 2.0 : 1.0) * widening;
            int taps = ((int)Math.Ceiling(support) * 2) + 1;
            Axis axis = new(output, taps);
            for (int x = 0; x < output; x++)
            {
                double center = (x + 0.5) * scale, sum = 0;
                int start = Math.Max((int)(center - support + 0.5), 0);
                int count = Math.Min((int)(center + support + 0.5), input) - start;
                Span<double> weights = axis._weights.AsSpan(x * taps, taps);
                for (int i = 0; i < taps; i++)
                {
                    axis._indices[(x * taps) + i] = Math.Min(start + i, input - 1);
                    if (i < count)
                    {
                        weights[i] = ResampleWeights.Evaluate(filter, (i + start - center + 0.5) / widening);
                        sum += weights[i];
                    }
                }

                for (int i = 0; i < count && sum != 0; i++)
                {
                    weights[i] /= sum;
                }
            }

            return axis;
        }

        private static Axis OpenCv(int input, int output, ResizeFilter filter)
        {
            bool cubic = filter == ResizeFilter.Bicubic;
            int taps = cubic ? 4 : 2;
            Axis axis = new(output, taps);
            double scale = OpenCvTaps.InverseScale(input, output);
            Span<float> weights = stackalloc float[4];
            for (int x = 0; x < output; x++)
            {
                float fraction = (float)(((x + 0.5) * scale) - 0.5);
                int lower = (int)MathF.Floor(fraction);
                fraction -= lower;
                if (cubic)
                {
                    OpenCvTaps.Cubic(fraction, weights);
                    lower--;
                }
                else
                {
                    (weights[0], weights[1]) = (1f - fraction, fraction);
                }

                for (int k = 0; k < taps; k++)
                {
                    axis._indices[(x * taps) + k] = Math.Clamp(lower + k, 0, input - 1);
                    axis._weights[(x * taps) + k] = weights[k];
                }
            }

            return axis;
        }
    }
}
