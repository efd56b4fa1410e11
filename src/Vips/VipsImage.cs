using System.Runtime.InteropServices;
using Vips.Interop;

namespace Vips;

/// <summary>
/// An image, most often one whose pixels are yet to be computed: operations only build a pipeline, and <see cref="CopyPixelsTo"/> or an encoder
/// pulls pixels through it, strip by strip.
/// </summary>
/// <remarks>
/// Every member that returns an image returns one that the caller owns and disposes, in any order: a derived image keeps what it needs of
/// those before it. An opened image is read once, from the top: pull pixels through it, or through what is derived from it, one time.
/// Different images may be used on different threads at once; one image belongs to one thread at a time.
/// </remarks>
public sealed partial class VipsImage : SafeHandle
{
    /// <param name="instance">A reference this handle takes over; 0 when libvips failed.</param>
    /// <exception cref="VipsException"><paramref name="instance"/> is 0.</exception>
    internal VipsImage(nint instance)
        : base(0, ownsHandle: true)
    {
        SetHandle(instance != 0 ? instance : throw VipsException.FromErrorBuffer());
    }

    /// <summary>Columns, in pixels, before any turn that <see cref="Orientation"/> asks for.</summary>
    public int Width => NativeMethods.Width(this);

    /// <summary>Rows, in pixels, before any turn that <see cref="Orientation"/> asks for.</summary>
    public int Height => NativeMethods.Height(this);

    /// <summary>Numbers per pixel, alpha included.</summary>
    public int Bands => NativeMethods.Bands(this);

    /// <summary>The type of those numbers.</summary>
    public VipsBandFormat Format => NativeMethods.Format(this);

    /// <summary>The meaning of those numbers.</summary>
    public VipsInterpretation Interpretation => NativeMethods.Interpretation(this);

    /// <summary>EXIF orientation, 1 to 8: how the picture lies in the file. 1, upright, when the file does not say.</summary>
    public int Orientation => NativeMethods.Orientation(this);

    /// <summary>Whether the last band is transparency.</summary>
    public bool HasAlpha => NativeMethods.HasAlpha(this) != 0;

    /// <summary>Whether an ICC profile came with the picture.</summary>
    public bool HasColorProfile => NativeMethods.TypeOfField(this, "icc-profile-data") != 0;

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    private bool IsSrgb8 => Interpretation == VipsInterpretation.Srgb && Format == VipsBandFormat.Byte;

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.Unref(handle);
        return true;
    }

    /// <summary>The same image under a second handle: what an operation returns when there is nothing to do.</summary>
    private VipsImage Share() => new(NativeMethods.Ref(this));
}
