using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>One axis of a resized photograph, cut into tiles: at every stride one, the last one moved back to the end, as OpenMMLab and semseg do.</summary>
internal sealed class AxisTiling
{
    private readonly int _photo;
    private readonly double _share;
    private float[]? _weights;

    private AxisTiling(int photo, IReadOnlyList<AxisTile> tiles, double share) => (_photo, Tiles, _share) = (photo, tiles, share);

    /// <summary>The tiles that answer for any pixel, in order.</summary>
    public IReadOnlyList<AxisTile> Tiles { get; }

    /// <summary>For each pixel of the photograph what one of the tiles that answer for it weighs: all of them together the whole share.</summary>
    public float[] Weights => _weights ??= Weigh();

    /// <summary>Tiles of an axis.</summary>
    /// <param name="image">Its length in the resized photograph.</param>
    /// <param name="crop">Length of a tile.</param>
    /// <param name="stride">From one tile to the next.</param>
    public static int Count(int image, int crop, int stride) => image <= crop ? 1 : ((image - crop + stride - 1) / stride) + 1;

    /// <summary>Cuts one axis; one that is no longer than the crop is one tile.</summary>
    /// <param name="photo">Its length in the photograph.</param>
    /// <param name="image">Its length in the resized photograph.</param>
    /// <param name="crop">Length of a tile.</param>
    /// <param name="stride">From one tile to the next.</param>
    /// <param name="share">What all tiles of a pixel weigh together.</param>
    public static AxisTiling Create(int photo, int image, int crop, int stride, double share)
    {
        int length = Math.Min(crop, image);
        IEnumerable<AxisTile> tiles = Enumerable.Range(0, Count(image, crop, stride))
            .Select(i => AxisTile.Create(photo, image, (int)Math.Min((long)i * stride, image - length), length));
        // Where the photograph is much smaller than what the network sees, a tile may lie between two of its pixels.
        return new AxisTiling(photo, [.. tiles.Where(tile => tile.Count > 0)], share);
    }

    private float[] Weigh()
    {
        int[] passes = new int[_photo];
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
