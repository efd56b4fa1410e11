namespace DenseCrf.MeanField;

/// <summary>What a refinement needs, summed over the buffers of a workspace.</summary>
internal static class CrfMemory
{
    /// <summary>Alignment of every buffer, small tables, and counters; far less than this.</summary>
    private const long Small = 1 << 20;

    public static long Estimate(ImageSize size, int labels, CrfParameters parameters, double? verticesPerPixel)
    {
        int lanes = RowWidths.Lanes(labels);
        double pixels = size.Pixels, bytes = Small + (pixels * sizeof(float) * lanes);
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
            int corners = kernel.Dimensions + 1;
            bool scaled = kernel.Normalization is CrfNormalization.Before or CrfNormalization.After;
            double vertices = (Math.Min(verticesPerPixel ?? corners, corners) * pixels) + (corners * parameters.Threads);
            bytes += pixels * corners * (sizeof(int) + ((scaled ? 2 : 1) * sizeof(float)));
            bytes += (size.Width + size.Height) * sizeof(float);
            bytes += vertices * (Rows(lanes) + Connections(corners) + Table);
            bytes += (double)parameters.Threads * Small / 8;
        }

        return (long)Math.Min(bytes + ((double)lanes * lanes * sizeof(float) * parameters.Kernels.Count), long.MaxValue);
    }

    /// <summary>Keys and two slots for each, of a table up to twice as large as needed, beside the smaller one it is grown from.</summary>
    private const double Table = (sizeof(long) + (2 * sizeof(ulong))) * 2 * 1.5;

    /// <summary>Read and written.</summary>
    private static double Rows(int lanes) => 2.0 * lanes * sizeof(float);

    /// <summary>A link and a place in a chain for each axis; the first of shared, and the pair.</summary>
    private static double Connections(int corners) => (2 * sizeof(int) * corners) + (3 * sizeof(int));
}
