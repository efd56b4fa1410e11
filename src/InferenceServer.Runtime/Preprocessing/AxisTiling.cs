using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>One axis of a resized image, cut into tiles: at every stride one, the last one moved back to the end, as
/// OpenMMLab and semseg do.</summary>
internal sealed class AxisTiling
{
    private readonly int _pixels;
    private readonly double _share;
    private float[]? _weights;

    private AxisTiling(int pixels, IReadOnlyList<AxisTile> tiles, double share) => (_pixels, Tiles, _share) = (pixels, tiles, share);

    /// <summary>The tiles that answer for any pixel, in order.</summary>
    public IReadOnlyList<AxisTile> Tiles { get; }

    /// <summary>For each pixel of the image what one of the tiles that answer for it weighs: all of them together the
    /// whole share.</summary>
    public float[] Weights => _weights ??= Weigh();

    /// <summary>Tiles of an axis.</summary>
    /// <param name="image">Its length in the resized image.</param>
    /// <param name="crop">Length of a tile.</param>
    /// <param name="stride">From one tile to the next.</param>
    public static int Count(int image, int crop, int stride)
    {
        if (image <= crop)
        {
            return 1;
        }

        return ((image - crop + stride - 1) / stride) + 1;
    }

    /// <summary>Cuts one axis; one that is no longer than the crop is one tile.</summary>
    /// <param name="pixels">Its length in the image.</param>
    /// <param name="image">Its length in the resized image.</param>
    /// <param name="crop">Length of a tile.</param>
    /// <param name="stride">From one tile to the next.</param>
    /// <param name="share">What all tiles of a pixel weigh together.</param>
    public static AxisTiling Create(int pixels, int image, int crop, int stride, double share)
    {
        int length = Math.Min(crop, image);
        IEnumerable<AxisTile> tiles = Enumerable.Range(0, Count(image, crop, stride))
            .Select(i => AxisTile.Create(pixels, image, (int)Math.Min((long)i * stride, image - length), length));
        // Where the image is much smaller than what the network sees, a tile may lie between two of its pixels.
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
