using System.Numerics;
using System.Runtime.CompilerServices;

namespace InferenceServer.Kernels.Labels;

/// <summary>1 / (1 + e^−x), from e^−|x|, which cannot overflow.</summary>
internal static class Sigmoid
{
    /// <summary>The specification of the vector form.</summary>
    public static float Scalar(float x)
    {
        float e = Exponential.Scalar(-Math.Abs(x));
        return (x < 0 ? e : 1) / (1 + e);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Compute(Vector<float> x)
    {
        Vector<float> e = Exponential.Compute(-Vector.Abs(x));
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), e, Vector<float>.One) / (Vector<float>.One + e);
    }
}
