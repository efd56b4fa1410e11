using System.Runtime.InteropServices;

namespace Vips.Interop;

/// <summary>A rectangle of pixels.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct VipsRect(int Left, int Top, int Width, int Height);
