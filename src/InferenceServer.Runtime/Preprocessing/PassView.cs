using InferenceServer.Kernels;
using InferenceServer.Kernels.Upsampling;
using InferenceServer.Runtime.Passes;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>The image at one scale, and the tiles it is cut into.</summary>
/// <param name="index">Index of the view in the plan.</param>
/// <param name="whole">The geometry of the image in one piece.</param>
/// <param name="crop">Size of a tile; at least the size of the view where the view stays in one piece.</param>
/// <param name="settings">Distance, halo and blending of the tiles.</param>
/// <param name="share">Weight of the view among all passes, 0 to 1.</param>
internal sealed class PassView(int index, InputGeometry whole, ImageSize crop, PassSettings settings, double share)
{
    private readonly bool _across = whole.Resized.Width > crop.Width;
    private readonly bool _down = whole.Resized.Height > crop.Height;
    private AxisTiling? _rows, _columns;

    public int Index => index;

    public InputGeometry Whole => whole;

    /// <summary>Size of the resized image.</summary>
    public ImageSize Size => whole.Resized;

    /// <summary>Number of tiles; known before any tile is made.</summary>
    public long Tiles =>
        (long)AxisTiling.Count(Size.Width, crop.Width, settings.Stride(crop.Width)) *
        AxisTiling.Count(Size.Height, crop.Height, settings.Stride(crop.Height));

    /// <summary>Size of the network's input for each tile.</summary>
    public ImageSize Input => new(_across ? crop.Width : whole.Bucket.Width, _down ? crop.Height : whole.Bucket.Height);

    /// <summary>Rows of the resized image that one tile sees.</summary>
    public int StripRows => Math.Min(Size.Height, crop.Height);

    public AxisTiling Rows => _rows ??= AxisTiling.Create(whole.Image.Height, Size.Height, crop.Height, settings, share);

    public AxisTiling Columns => _columns ??= AxisTiling.Create(whole.Image.Width, Size.Width, crop.Width, settings, 1);

    /// <summary>The geometry of one tile in the network's input: along an axis that is not cut, the geometry of the
    /// whole image; along an axis that is cut, no padding.</summary>
    public InputGeometry Tile(AxisTile columns, AxisTile rows) => whole with
    {
        Input = new ImageSize(_across ? crop.Width : whole.Input.Width, _down ? crop.Height : whole.Input.Height),
        Bucket = Input,
        Left = _across ? 0 : whole.Left,
        Top = _down ? 0 : whole.Top,
        Columns = columns,
        Rows = rows,
    };
}
