using InferenceServer.Kernels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>The position of an image, or of a tile of an image, in the network's input; preprocessing and
/// postprocessing both use this geometry.</summary>
/// <param name="Image">The image's own size.</param>
/// <param name="Resized">The image's size after the resize.</param>
/// <param name="Input">The size after the manifest's padding.</param>
/// <param name="Bucket">The size of the network's input: <paramref name="Input"/>, or padded further on the right and
/// below so that images of other sizes can share a run.</param>
/// <param name="Left">Columns of padding before the image.</param>
/// <param name="Top">Rows of padding before the image.</param>
internal readonly record struct InputGeometry(ImageSize Image, ImageSize Resized, ImageSize Input, ImageSize Bucket, int Left, int Top)
{
    private readonly AxisTile? _columns;
    private readonly AxisTile? _rows;

    /// <summary>The columns that the network sees, and the columns of the image that this pass sets; a tile covers a
    /// part of the columns, any other pass covers all.</summary>
    public AxisTile Columns
    {
        get => _columns ?? AxisTile.Whole(Image.Width, Resized.Width);
        init => _columns = value;
    }

    /// <summary>The rows that the network sees, and the rows of the image that this pass sets.</summary>
    public AxisTile Rows
    {
        get => _rows ?? AxisTile.Whole(Image.Height, Resized.Height);
        init => _rows = value;
    }

    /// <summary>Share of the network's input that is padding, 0 to 1.</summary>
    public double PadRatio => 1 - ((double)Math.Min(Columns.Length, Bucket.Width) * Math.Min(Rows.Length, Bucket.Height) / Bucket.Pixels);
}
