using InferenceServer.Kernels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>How an image, or a tile of it, lies in the network's input: all that is needed to prepare it and to undo
/// that afterwards.</summary>
/// <param name="Image">The image's own size.</param>
/// <param name="Resized">Its size after the resize.</param>
/// <param name="Input">The size that the manifest pads it to.</param>
/// <param name="Bucket">The size of the network's input: <paramref name="Input"/>, or padded further on the right and
/// below so that other sizes can share a run.</param>
/// <param name="Left">Columns of padding before the image.</param>
/// <param name="Top">Rows of padding before the image.</param>
internal readonly record struct InputGeometry(ImageSize Image, ImageSize Resized, ImageSize Input, ImageSize Bucket, int Left, int Top)
{
    private readonly AxisTile? _columns;
    private readonly AxisTile? _rows;

    /// <summary>The columns that the network sees, and those of the image that they answer for: all of them, but of a
    /// tile.</summary>
    public AxisTile Columns
    {
        get => _columns ?? AxisTile.Whole(Image.Width, Resized.Width);
        init => _columns = value;
    }

    /// <summary>The rows, likewise.</summary>
    public AxisTile Rows
    {
        get => _rows ?? AxisTile.Whole(Image.Height, Resized.Height);
        init => _rows = value;
    }

    /// <summary>Share of the network's input that is padding, 0 to 1.</summary>
    public double PadRatio => 1 - ((double)Math.Min(Columns.Length, Bucket.Width) * Math.Min(Rows.Length, Bucket.Height) / Bucket.Pixels);
}
