using System.Numerics;

namespace InferenceServer.Kernels.Labels;

/// <summary>The binary mask of one label.</summary>
public static class BinaryMask
{
    /// <summary>Writes 255 for every pixel with the label, and 0 for every other pixel.</summary>
    /// <param name="labels">Labels of the pixels, in any order.</param>
    /// <param name="label">The label to select.</param>
    /// <param name="mask">Receives the mask; as long as <paramref name="labels"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lengths differ.</exception>
    public static void Select(ReadOnlySpan<byte> labels, byte label, Span<byte> mask)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mask.Length, labels.Length);
        int done = Vectorized(labels, label, mask);
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
        if (!Vector.IsHardwareAccelerated)
        {
            return 0;
        }

        int i = 0;
        for (Vector<byte> wanted = new(label); i <= labels.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Equals(new Vector<byte>(labels[i..]), wanted).CopyTo(mask[i..]);
        }

        return i;
    }
}
