using DenseCrf.Permutohedral;

namespace DenseCrf.MeanField;

/// <summary>Bounds the memory of a refinement: the sum over the buffers of a workspace.</summary>
internal static unsafe class CrfMemory
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

    /// <summary>Bytes of the slots that a cell has from the start.</summary>
    private const long FirstSlotBytes = 64 * sizeof(ulong);

    /// <summary>Bytes of the slots of a vertex at least: a cell uses half of its slots.</summary>
    private const long SlotBytes = 2 * sizeof(ulong);

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
            double vertices = (Math.Min(verticesPerPixel ?? corners, corners) * pixels) + (corners * parameters.Threads);
            double spare = Math.Min((double)cells * parameters.Threads, vertices) * VertexTable.LargeChunk, rows = vertices + spare;
            bytes += pixels * (kernel.Dimensions - 2);   // the colours of the image whose lattice is kept
            bytes += pixels * corners * (sizeof(int) + (Weights(kernel) * sizeof(float)));
            bytes += (size.Width + size.Height) * sizeof(float);
            bytes += rows * ((3 * RowBytes(lanes)) + LinkBytes(corners) + TableBytes);
            bytes += Math.Max(0, LeastVertices(kernel, pixels) - rows) * 2 * RowBytes(lanes);
            bytes += (double)parameters.Threads * ((SmallBuffers / 8) + (cells * CellBytes));
        }

        double compatibilities = (double)lanes * lanes * sizeof(float) * parameters.Kernels.Count;
        return (long)Math.Min(bytes + compatibilities, long.MaxValue);
    }

    /// <summary>The memory that a refinement takes at least.</summary>
    /// <param name="size">Size of the image.</param>
    /// <param name="labels">Number of labels.</param>
    /// <param name="parameters">Parameters of the call.</param>
    /// <param name="rgb">The image, whose colours decide on the vertices; null: any image of this size.</param>
    /// <param name="enough">Vertices are not counted beyond this number of bytes.</param>
    /// <param name="cancellationToken">Ends the count.</param>
    public static long Least(
        ImageSize size, int labels, CrfParameters parameters, byte* rgb, long enough, CancellationToken cancellationToken)
    {
        RunPlan plan = new(parameters, size, labels);
        long pixels = size.Pixels;
        long bytes = pixels * sizeof(float) * (plan.Lanes + (plan.Extrapolates ? plan.Lanes : 0) + (plan.MayPrune ? 2 : 0));
        foreach (CrfKernel kernel in parameters.Kernels)
        {
            bytes += pixels * (kernel.Dimensions + 1) * (sizeof(int) + (Weights(kernel) * sizeof(float)));
        }

        using CrfWorkspace scratch = new(long.MaxValue);
        using VertexCount count = new(scratch);
        foreach (CrfKernel kernel in parameters.Kernels)
        {
            int cells = new KeyLayout(FeatureScale.Of(kernel, size)).Grid.Cells;   // throws where coordinates overflow
            long each = VertexBytes(plan, kernel.Dimensions + 1), vertices = (long)LeastVertices(kernel, pixels);
            if (plan.Iterations == 0)
            {
                continue; // no lattice is built
            }

            if (kernel.Rgb is not null && rgb is not null && bytes <= enough)
            {
                vertices = count.AtLeast(kernel, size, rgb, ((enough - bytes) / each) + 1, cancellationToken);
            }

            bytes += pixels * (kernel.Dimensions - 2);   // the colours of the image whose lattice is kept
            bytes += (vertices * each) + Math.Max(vertices * SlotBytes, FirstSlotBytes * parameters.Threads * cells);
        }

        return bytes;
    }

    /// <summary>Bytes of a vertex at least, without its slots: rows, links, places in lists, and the key.</summary>
    private static long VertexBytes(in RunPlan plan, int corners)
    {
        int rows = plan.MaySettle ? 3 : 2;
        return (rows * plan.Lanes * sizeof(float)) + (2 * sizeof(int) * corners) + sizeof(int) + sizeof(long);
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

    /// <summary>Weights of each corner of a pixel's simplex.</summary>
    private static int Weights(CrfKernel kernel) =>
        kernel.Normalization is CrfNormalization.Before or CrfNormalization.After ? 2 : 1;

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
