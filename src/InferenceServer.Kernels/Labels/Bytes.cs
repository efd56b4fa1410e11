using System.Numerics;
using System.Runtime.CompilerServices;

namespace InferenceServer.Kernels.Labels;

/// <summary>Four vectors of small integers to one of bytes.</summary>
internal static class Bytes
{
    /// <summary>Keeps the low 8 bits of each value; callers pass 0…255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<byte> Narrow(Vector<int> a, Vector<int> b, Vector<int> c, Vector<int> d) => Vector.Narrow(
        Vector.Narrow(a.As<int, uint>(), b.As<int, uint>()), Vector.Narrow(c.As<int, uint>(), d.As<int, uint>()));

    /// <summary>A probability to 0…255: clamped to 0…1, rounded half up, NaN to 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<int> FromProbability(Vector<float> probability) => Vector.ConvertToInt32(
        (Vector.Min(Vector.Max(probability, Vector<float>.Zero), Vector<float>.One) * 255f) + new Vector<float>(0.5f));

    /// <inheritdoc cref="FromProbability(Vector{float})"/>
    public static byte FromProbability(float probability) => (byte)(int)((Math.Clamp(probability, 0f, 1f) * 255f) + 0.5f);
}
