using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Resizing;

/// <summary>One RGB pixel as four 32-bit lanes; the fourth lane holds whatever byte follows and is never stored for good.</summary>
internal static class RgbPixel
{
    /// <summary>Reads four bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Load(ReadOnlySpan<byte> pixel)
    {
        Vector128<byte> bytes = Vector128.CreateScalar(MemoryMarshal.Read<uint>(pixel)).AsByte();
        return Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32();
    }

    /// <summary>Clamps to 0…255 and writes four bytes: the fourth is the next pixel's first, so pixels go in rising order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Span<byte> pixel, Vector128<int> value)
    {
        Vector128<int> clamped = Vector128.Min(Vector128.Max(value, Vector128<int>.Zero), Vector128.Create(255));
        Vector128<byte> packed = Vector128.Shuffle(
            clamped.AsByte(), Vector128.Create((byte)0, 4, 8, 12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255));
        MemoryMarshal.Write(pixel, packed.AsUInt32().ToScalar());
    }
}
