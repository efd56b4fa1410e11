using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Fusion;

/// <summary>Mirrors an image left to right, in place: the input of a flipped pass, and its scores on the way back.</summary>
public static class MirroredRows
{
    /// <summary>Turns every row round.</summary>
    /// <param name="values">Rows of any number of planes, one after another.</param>
    /// <param name="width">Values in a row.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is no multiple of the width.</exception>
    public static void Apply(Span<float> values, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length % width, 0, nameof(values));
        for (int start = 0; start < values.Length; start += width)
        {
            Span<float> row = values.Slice(start, width);
            int done = Vector256.IsHardwareAccelerated ? Vectorized(row) : 0;
            Scalar(row, done);
        }
    }

    /// <summary>The specification: swaps all but the <paramref name="done"/> outermost values on either side.</summary>
    internal static void Scalar(Span<float> row, int done)
    {
        for (int left = done, right = row.Length - 1 - done; left < right; left++, right--)
        {
            (row[left], row[right]) = (row[right], row[left]);
        }
    }

    /// <summary>Swaps eight values from either end a step; returns how many were done on each side.</summary>
    internal static int Vectorized(Span<float> row)
    {
        Vector256<int> backwards = Vector256.Create(7, 6, 5, 4, 3, 2, 1, 0);
        ref float first = ref MemoryMarshal.GetReference(row);
        int done = 0;
        for (; row.Length - (2 * done) >= 2 * Vector256<float>.Count; done += Vector256<float>.Count)
        {
            nuint left = (nuint)done, right = (nuint)(row.Length - done - Vector256<float>.Count);
            Vector256<float> a = Vector256.LoadUnsafe(ref first, left), b = Vector256.LoadUnsafe(ref first, right);
            Vector256.Shuffle(b, backwards).StoreUnsafe(ref first, left);
            Vector256.Shuffle(a, backwards).StoreUnsafe(ref first, right);
        }

        return done;
    }
}
