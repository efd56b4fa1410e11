using InferenceServer.Kernels.Upsampling;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>One axis of a resized image, cut into tiles one stride apart. The last tile is moved back to the end of
/// the axis, as in OpenMMLab and semseg.</summary>
internal sealed class AxisTiling
{
    private readonly int _pixels;
    private readonly int _image;
    private readonly double _share;
    private readonly BlendMode _blend;
    private readonly int _halo;
    private double[]? _sums;

    private AxisTiling(int pixels, int image, IReadOnlyList<AxisTile> tiles, PassSettings settings, double share)
    {
        (_pixels, _image, Tiles, _share) = (pixels, image, tiles, share);
        (_blend, _halo) = (settings.Blend, settings.Halo);
    }

    /// <summary>The tiles that set at least one pixel, in order.</summary>
    public IReadOnlyList<AxisTile> Tiles { get; }

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
    /// <param name="settings">Distance, halo and blending of the tiles.</param>
    /// <param name="share">The sum of the weights of all tiles at a pixel.</param>
    public static AxisTiling Create(int pixels, int image, int crop, PassSettings settings, double share)
    {
        int length = Math.Min(crop, image), stride = settings.Stride(crop);
        IEnumerable<AxisTile> tiles = Enumerable.Range(0, Count(image, crop, stride))
            .Select(i => Cut((int)Math.Min((long)i * stride, image - length)));
        // Where the image is much smaller than the resized image, a tile may lie between two pixels of the image.
        return new AxisTiling(pixels, image, [.. tiles.Where(tile => tile.Count > 0)], settings, share);

        // The network sees the whole tile; only the pixels between the halos are set.
        AxisTile Cut(int start)
        {
            int first = start == 0 ? 0 : start + settings.Halo;
            int end = start + length == image ? image : start + length - settings.Halo;
            return AxisTile.Create(pixels, image, first, end - first) with { Start = start, Length = length };
        }
    }

    /// <summary>The weight of one tile at each pixel that it sets. The weights of all tiles at a pixel sum to the share
    /// of the view.</summary>
    /// <param name="tile">One of <see cref="Tiles"/>.</param>
    /// <returns>A weight for each pixel of the tile; the caller disposes the buffer.</returns>
    public PooledBuffer<float> Weights(in AxisTile tile)
    {
        _sums ??= Sum();
        PooledBuffer<float> weights = new(tile.Count);
        for (int x = 0; x < tile.Count; x++)
        {
            weights.Span[x] = (float)(_share * Window(tile, x) / _sums[tile.First + x]);
        }

        return weights;
    }

    private double[] Sum()
    {
        double[] sums = new double[_pixels];
        foreach (AxisTile tile in Tiles)
        {
            for (int x = 0; x < tile.Count; x++)
            {
                sums[tile.First + x] += Window(tile, x);
            }
        }

        return sums;
    }

    // Above 0 at every pixel: the outermost half pixel is the nearest to the edge that a window gets.
    private double Window(in AxisTile tile, int x)
    {
        if (_blend == BlendMode.Uniform)
        {
            return 1;
        }

        double middle = tile.Length / 2.0, centre = (tile.First + x + 0.5) * _image / _pixels;
        double distance = Math.Abs(centre - tile.Start - middle);
        if (_blend == BlendMode.Hann)
        {
            double half = Math.Max(middle - _halo, 0.5);
            double cosine = Math.Cos(Math.PI / 2 * Math.Min(distance, half - 0.5) / half);
            return cosine * cosine;
        }

        double deviations = distance / (tile.Length / 8.0);
        return Math.Exp(-0.5 * deviations * deviations);
    }
}
