using System.Buffers;
using System.Numerics;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Labels;

/// <summary>
/// Resizes a label map to the size of the image without mixing labels, for models whose graph ends in an argmax.
/// </summary>
public static class NearestLabels
{
    /// <summary>Gives each pixel of the image the label of the nearest grid point.</summary>
    /// <param name="labels">Labels on the grid, HW.</param>
    /// <param name="grid">Size of <paramref name="labels"/>.</param>
    /// <param name="rows">Position on the grid of each image row.</param>
    /// <param name="columns">Position on the grid of each image column.</param>
    /// <param name="output">Receives the labels of the image, HW; overwritten whole.</param>
    /// <remarks>
    /// A fraction below ½ takes the lower neighbour, any other the upper one, as in PyTorch's <c>nearest-exact</c>.
    /// PyTorch's <c>nearest</c> and OpenCV take points up to half a grid point further to the upper left.
    /// </remarks>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    public static void Resize(ReadOnlySpan<byte> labels, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<byte> output) =>
        Run(labels, grid, rows, columns, output);

    /// <inheritdoc cref="Resize(ReadOnlySpan{byte}, ImageSize, AxisTaps, AxisTaps, Span{byte})"/>
    public static void Resize(ReadOnlySpan<ushort> labels, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<ushort> output) =>
        Run(labels, grid, rows, columns, output);

    private static void Run<TLabel>(ReadOnlySpan<TLabel> labels, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<TLabel> output)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        AxisTaps.CheckGrid(labels.Length, 1, grid, rows, columns, output.Length, 0);
        int width = columns.Count;
        int[] sources = ArrayPool<int>.Shared.Rent(width);
        for (int x = 0; x < width; x++)
        {
            sources[x] = Nearest(columns, x);
        }

        for (int y = 0; y < rows.Count; y++)
        {
            Span<TLabel> row = output.Slice(y * width, width);
            int source = Nearest(rows, y);
            if (y > 0 && source == Nearest(rows, y - 1))
            {
                output.Slice((y - 1) * width, width).CopyTo(row);
                continue;
            }

            ReadOnlySpan<TLabel> from = labels.Slice(source * grid.Width, grid.Width);
            for (int x = 0; x < row.Length; x++)
            {
                row[x] = from[sources[x]];
            }
        }

        ArrayPool<int>.Shared.Return(sources);
    }

    private static int Nearest(AxisTaps taps, int x)
    {
        if (taps.Fractions[x] < 0.5f)
        {
            return taps.Lower[x];
        }

        return taps.Upper(x);
    }
}
