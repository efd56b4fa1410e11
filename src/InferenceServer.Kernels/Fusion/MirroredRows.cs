using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Fusion;

/// <summary>
/// Mirrors planes from left to right, in place: the input of a flipped pass, and the scores that it returns.
/// </summary>
public static class MirroredRows
{
    /// <summary>Reverses every row.</summary>
    /// <param name="values">The rows of any number of planes, one row after the other; overwritten.</param>
    /// <param name="width">Values in a row, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is not a multiple of the width.</exception>
    public static void Apply(Span<float> values, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length % width, 0, nameof(values));
        for (int start = 0; start < values.Length; start += width)
        {
            Span<float> row = values.Slice(start, width);
            int done = Vectorized(row);
            Scalar(row, done);
        }
    }

    /// <summary>
    /// Swaps all values but the <paramref name="done"/> outermost on each side: the specification of the vector form.
    /// </summary>
    internal static void Scalar(Span<float> row, int done)
    {
        for (int left = done, right = row.Length - 1 - done; left < right; left++, right--)
        {
            (row[left], row[right]) = (row[right], row[left]);
        }
    }

    /// <summary>Swaps eight values of each end at a time, and returns the number of values done on each side.</summary>
    private static int Vectorized(Span<float> row)
    {
        if (!Vector256.IsHardwareAccelerated)
        {
            return 0;
        }

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
