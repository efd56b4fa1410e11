using System.Numerics;

namespace InferenceServer.Kernels.Labels;

/// <summary>Where one label is.</summary>
public static class BinaryMask
{
    /// <summary>Writes 255 where a label is, and 0 elsewhere.</summary>
    /// <param name="labels">Any order.</param>
    /// <param name="label">The label.</param>
    /// <param name="mask">As long as <paramref name="labels"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Select(ReadOnlySpan<byte> labels, byte label, Span<byte> mask)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mask.Length, labels.Length);
        int done = Vector.IsHardwareAccelerated ? Vectorized(labels, label, mask) : 0;
        Scalar(labels, label, mask, done);
    }

    internal static void Scalar(ReadOnlySpan<byte> labels, byte label, Span<byte> mask, int start)
    {
        for (int i = start; i < labels.Length; i++)
        {
            mask[i] = labels[i] == label ? byte.MaxValue : (byte)0;
        }
    }

    private static int Vectorized(ReadOnlySpan<byte> labels, byte label, Span<byte> mask)
    {
        int i = 0;
        for (Vector<byte> wanted = new(label); i <= labels.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Equals(new Vector<byte>(labels[i..]), wanted).CopyTo(mask[i..]);
        }

        return i;
    }
}
