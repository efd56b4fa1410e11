using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>The scores of one output row of pixels, as two rows of every class and the way between them.</summary>
/// <remarks>
/// Interpolated as lower · (1 − f) + upper · f, PyTorch's form, which keeps infinities where a + f · (b − a) makes NaN of two.
/// A neighbour of weight 0 is not looked at: 0 · ∞ would spoil pixels that lie exactly on the grid.
/// </remarks>
internal readonly ref struct ScoreRows
{
    private readonly ref float _lower;
    private readonly ref float _upper;
    private readonly float _far;
    private readonly float _near;

    /// <param name="lower">Class 0 first, each class <paramref name="stride"/> values on.</param>
    /// <param name="upper">Laid out alike.</param>
    /// <param name="stride">Values from one class to the next.</param>
    /// <param name="fraction">Weight of <paramref name="upper"/>, 0…1.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="width">Number of pixels; checked here once, so that the loops need not.</param>
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
        return _far == 0 ? score : float.MultiplyAddEstimate(Unsafe.Add(ref _upper, index), _far, score * _near);
    }

    /// <summary>The scores of the vector of pixels that starts at <paramref name="index"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> VectorAt(int index)
    {
        Vector<float> score = Vector.LoadUnsafe(ref _lower, (nuint)index);
        return _far == 0 ? score
            : Vector.MultiplyAddEstimate(Vector.LoadUnsafe(ref _upper, (nuint)index), new Vector<float>(_far), score * _near);
    }
}
