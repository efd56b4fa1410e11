using System.Numerics;
using System.Runtime.CompilerServices;

namespace InferenceServer.Kernels.Resizing;

/// <summary>Four vectors of 32-bit results to one of bytes, clamped to 0…255.</summary>
internal static class SaturatedBytes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<byte> Narrow(Vector<int> a, Vector<int> b, Vector<int> c, Vector<int> d) =>
        Vector.Narrow(Vector.Narrow(Clamp(a), Clamp(b)), Vector.Narrow(Clamp(c), Clamp(d)));

    private static Vector<uint> Clamp(Vector<int> value) =>
        Vector.Min(Vector.Max(value, Vector<int>.Zero), new Vector<int>(255)).As<int, uint>();
}
