using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>The scores of a row of pixels, as two rows of each class and the position between them.</summary>
/// <remarks>
/// Interpolates as lower · (1 − f) + upper · f, as PyTorch does: of two infinities, a + f · (b − a) would make NaN. A
/// row with weight 0 is not read, because 0 · ∞ would make NaN of pixels that lie exactly on the grid.
/// </remarks>
internal readonly ref struct ScoreRows
{
    private readonly ref float _lower;
    private readonly ref float _upper;
    private readonly float _far;
    private readonly float _near;

    /// <param name="lower">The lower row of each class.</param>
    /// <param name="upper">The upper row of each class.</param>
    /// <param name="stride">Values from the row of one class to the row of the next class.</param>
    /// <param name="fraction">Weight of <paramref name="upper"/>, 0 to 1.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="width">Number of pixels. Checked here, so that loops need no checks.</param>
    public ScoreRows(ReadOnlySpan<float> lower, ReadOnlySpan<float> upper, int stride, float fraction, int classes, int width)
    {
        int length = checked(((classes - 1) * stride) + width);
        _lower = ref MemoryMarshal.GetReference(lower[..length]);
        _upper = ref MemoryMarshal.GetReference(upper[..length]);
        _far = fraction;
        _near = 1 - fraction;
        Stride = stride;
        Classes = classes;
        Width = width;
    }

    public int Stride { get; }

    public int Classes { get; }

    public int Width { get; }

    /// <summary>The score at <paramref name="index"/> = class · stride + pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float At(int index)
    {
        float score = Unsafe.Add(ref _lower, index);
        if (_far == 0)
        {
            return score;
        }

        return float.MultiplyAddEstimate(Unsafe.Add(ref _upper, index), _far, score * _near);
    }

    /// <summary>The scores of a vector of pixels from <paramref name="index"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> VectorAt(int index)
    {
        Vector<float> score = Vector.LoadUnsafe(ref _lower, (nuint)index);
        if (_far == 0)
        {
            return score;
        }

        return Vector.MultiplyAddEstimate(Vector.LoadUnsafe(ref _upper, (nuint)index), new Vector<float>(_far), score * _near);
    }
}
