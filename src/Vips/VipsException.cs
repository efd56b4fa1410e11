using System.Runtime.InteropServices;
using Vips.Interop;

namespace Vips;

/// <summary>libvips refused an image or an operation; the message is libvips' own.</summary>
/// <remarks>
/// libvips keeps one error log for the whole process. Reading it clears it, so nothing carries over to the next call; but when two threads fail at
/// the same moment, one message may hold both reasons and the other none. Show it to people, and take no decision on its text.
/// </remarks>
public sealed class VipsException : Exception
{
    /// <summary>Makes an exception with a message of its own.</summary>
    /// <param name="message">What failed, for a person to read.</param>
    public VipsException(string message)
        : base(message)
    {
    }

    internal static unsafe VipsException FromErrorBuffer()
    {
        byte* errors = NativeMethods.TakeErrors();
        string? text = Marshal.PtrToStringUTF8((nint)errors)?.Trim();
        NativeMethods.Free(errors);
        return new VipsException(string.IsNullOrEmpty(text) ? "libvips failed and gave no reason." : text);
    }
}
