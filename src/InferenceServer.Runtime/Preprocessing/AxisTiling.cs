using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>One axis of a resized image, cut into tiles one stride apart. The last tile is moved back to the end of
/// the axis, as in OpenMMLab and semseg.</summary>
internal sealed class AxisTiling
{
    private readonly int _pixels;
    private readonly double _share;
    private float[]? _weights;

    private AxisTiling(int pixels, IReadOnlyList<AxisTile> tiles, double share) => (_pixels, Tiles, _share) = (pixels, tiles, share);

    /// <summary>The tiles that set at least one pixel, in order.</summary>
    public IReadOnlyList<AxisTile> Tiles { get; }

    /// <summary>The weight of one tile at each pixel of the image; the weights of all tiles at a pixel sum to the
    /// share of the view.</summary>
    public float[] Weights => _weights ??= Weigh();

    /// <summary>The tiles of an axis.</summary>
    /// <param name="image">Length of the axis in the resized image.</param>
    /// <param name="crop">Length of a tile.</param>
    /// <param name="stride">Distance from one tile to the next.</param>
    public static int Count(int image, int crop, int stride)
    {
        if (image <= crop)
        {
            return 1;
        }

        return ((image - crop + stride - 1) / stride) + 1;
    }

    /// <summary>Cuts one axis into tiles; an axis that is no longer than the crop is one tile.</summary>
    /// <param name="pixels">Length of the axis in the image.</param>
    /// <param name="image">Length of the axis in the resized image.</param>
    /// <param name="crop">Length of a tile.</param>
    /// <param name="stride">Distance from one tile to the next.</param>
    /// <param name="share">The sum of the weights of all tiles at a pixel.</param>
    public static AxisTiling Create(int pixels, int image, int crop, int stride, double share)
    {
        int length = Math.Min(crop, image);
        IEnumerable<AxisTile> tiles = Enumerable.Range(0, Count(image, crop, stride))
            .Select(i => AxisTile.Create(pixels, image, (int)Math.Min((long)i * stride, image - length), length));
        // Where the image is much smaller than the resized image, a tile may lie between two pixels of the image.
        return new AxisTiling(pixels, [.. tiles.Where(tile => tile.Count > 0)], share);
    }

    private float[] Weigh()
    {
        int[] passes = new int[_pixels];
        foreach (AxisTile tile in Tiles)
        {
            foreach (ref int count in passes.AsSpan(tile.First, tile.Count))
            {
                count++;
            }
        }

        return Array.ConvertAll(passes, count => (float)(_share / count));
    }
}
