using System.Buffers;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Labels;

/// <summary>Enlarges or shrinks a label map to the photo without mixing labels: for models whose graph ends in an argmax.</summary>
public static class NearestLabels
{
    /// <summary>Copies to each photo pixel the label of the nearest grid point.</summary>
    /// <param name="labels">HW on the grid.</param>
    /// <param name="grid">Size of <paramref name="labels"/>.</param>
    /// <param name="rows">Where each photo row falls on the grid.</param>
    /// <param name="columns">Where each photo column falls on the grid.</param>
    /// <param name="output">HW of the photo, rows × columns; overwritten whole.</param>
    /// <remarks>
    /// A fraction below ½ takes the lower neighbour; ½ and more the upper one, as PyTorch's <c>nearest-exact</c> does
    /// (its <c>nearest</c>, and OpenCV's, lie up to half a grid point further to the upper left).
    /// </remarks>
    /// <exception cref="ArgumentException">Buffers, grid and taps do not belong together.</exception>
    public static void Resize(ReadOnlySpan<byte> labels, ImageSize grid, AxisTaps rows, AxisTaps columns, Span<byte> output)
    {
        GridArguments.Check(labels.Length, 1, grid, rows, columns, output.Length, 0);
        int width = columns.Count;
        int[] sources = ArrayPool<int>.Shared.Rent(width);
        for (int x = 0; x < width; x++)
        {
            sources[x] = Nearest(columns, x);
        }

        for (int y = 0; y < rows.Count; y++)
        {
            Span<byte> row = output.Slice(y * width, width);
            int source = Nearest(rows, y);
            if (y > 0 && source == Nearest(rows, y - 1))
            {
                output.Slice((y - 1) * width, width).CopyTo(row);
                continue;
            }

            ReadOnlySpan<byte> from = labels.Slice(source * grid.Width, grid.Width);
            for (int x = 0; x < row.Length; x++)
            {
                row[x] = from[sources[x]];
            }
        }

        ArrayPool<int>.Shared.Return(sources);
    }

    private static int Nearest(AxisTaps taps, int x) => taps.Fractions[x] < 0.5f ? taps.Lower[x] : taps.Upper(x);
}
