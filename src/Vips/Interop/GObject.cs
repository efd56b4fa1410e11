using System.Runtime.InteropServices;

namespace Vips.Interop;

/// <summary>One reference to a GObject: a source, a region or an operation.</summary>
internal class GObject : SafeHandle
{
    /// <param name="instance">A reference this handle takes over; 0 when libvips failed.</param>
    /// <exception cref="VipsException"><paramref name="instance"/> is 0.</exception>
    public GObject(nint instance)
        : base(0, ownsHandle: true)
    {
        SetHandle(instance != 0 ? instance : throw VipsException.FromErrorBuffer());
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.Unref(handle);
        return true;
    }
}
