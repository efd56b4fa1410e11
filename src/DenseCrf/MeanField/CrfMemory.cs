using DenseCrf.Permutohedral;

namespace DenseCrf.MeanField;

/// <summary>Estimates the memory of a refinement: the sum over the buffers of a workspace.</summary>
internal static class CrfMemory
{
    /// <summary>Alignment, small tables and counters together stay far below this number of bytes.</summary>
    private const long SmallBuffers = 1 << 20;

    /// <summary>
    /// Bytes of the vertex table for each vertex: the key and at most four slots, in buffers up to half larger than
    /// needed, next to the smaller buffers from which they grew.
    /// </summary>
    private const double TableBytes = (sizeof(long) + (4 * sizeof(ulong))) * 1.5 * 1.7;

    /// <summary>Bytes of a cell without vertices: its first slots, and its places in the lists of cells and chains.</summary>
    private const long CellBytes = 600;

    public static long Estimate(ImageSize size, int labels, CrfParameters parameters, double? verticesPerPixel)
    {
        int lanes = RowWidths.Lanes(labels);
        double pixels = size.Pixels, bytes = SmallBuffers + (pixels * sizeof(float) * lanes);
        bytes += (pixels + PixelList.ReadableAfterEnd) * 2 * sizeof(int);   // numbers of pixels
        if (parameters.Quality == CrfQuality.Fast)
        {
            bytes += pixels * sizeof(float) * (lanes + 2);
        }
        else if (parameters.PruneBelow > 0)
        {
            bytes += pixels * sizeof(float) * 2;
        }

        foreach (CrfKernel kernel in parameters.Kernels)
        {
            int cells = new KeyLayout(FeatureScale.Of(kernel, size)).Grid.Cells;   // throws where coordinates overflow
            int corners = kernel.Dimensions + 1;
            int weights = kernel.Normalization is CrfNormalization.Before or CrfNormalization.After ? 2 : 1;
            double vertices = (Math.Min(verticesPerPixel ?? corners, corners) * pixels) + (corners * parameters.Threads);
            double spare = Math.Min((double)cells * parameters.Threads, vertices) * VertexTable.LargeChunk, rows = vertices + spare;
            bytes += pixels * (kernel.Dimensions - 2);   // the colours of the image whose lattice is kept
            bytes += pixels * corners * (sizeof(int) + (weights * sizeof(float)));
            bytes += (size.Width + size.Height) * sizeof(float);
            bytes += rows * ((3 * RowBytes(lanes)) + LinkBytes(corners) + TableBytes);
            bytes += Math.Max(0, LeastVertices(kernel, pixels) - rows) * 2 * RowBytes(lanes);
            bytes += (double)parameters.Threads * ((SmallBuffers / 8) + (cells * CellBytes));
        }

        double compatibilities = (double)lanes * lanes * sizeof(float) * parameters.Kernels.Count;
        return (long)Math.Min(bytes + compatibilities, long.MaxValue);
    }

    /// <summary>
    /// The least number of vertices. That of a kernel without colour follows from the size: 2/√3 vertices lie in an area
    /// of one deviation by one, and where the deviations are small, pixels share fewer of theirs.
    /// </summary>
    private static double LeastVertices(CrfKernel kernel, double pixels)
    {
        if (kernel.Rgb is not null)
        {
            return 0;
        }

        return pixels * 2 / Math.Sqrt(3) / (Math.Max(1, kernel.Sx) * Math.Max(1, kernel.Sy));
    }

    /// <summary>
    /// Bytes of a row. A vertex has a row to read, one to write, and, if pixels are settled, one with their marginals.
    /// </summary>
    private static double RowBytes(int lanes) => (double)lanes * sizeof(float);

    /// <summary>
    /// Bytes of a vertex's link and place in a chain along each axis, and of its entries in the lists of cells and of
    /// shared vertices.
    /// </summary>
    private static double LinkBytes(int corners) => (2 * sizeof(int) * corners) + (4 * sizeof(int));
}
