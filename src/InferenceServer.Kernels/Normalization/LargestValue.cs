using System.Numerics;

namespace InferenceServer.Kernels.Normalization;

/// <summary>Finds the largest 8-bit value of an image, over all its channels.</summary>
public static class LargestValue
{
    /// <summary>The largest of the values; 0 where there are none.</summary>
    public static byte Compute(ReadOnlySpan<byte> values)
    {
        if (!Vector.IsHardwareAccelerated || values.Length < Vector<byte>.Count)
        {
            return Scalar(values);
        }

        Vector<byte> most = Vector<byte>.Zero;
        for (int i = 0; i <= values.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            most = Vector.Max(most, new Vector<byte>(values[i..]));
        }

        // The last vector overlaps the one before; a maximum may see a value twice.
        most = Vector.Max(most, new Vector<byte>(values[^Vector<byte>.Count..]));
        Span<byte> lanes = stackalloc byte[Vector<byte>.Count];
        most.CopyTo(lanes);
        return Scalar(lanes);
    }

    /// <summary>The specification of the vector form.</summary>
    internal static byte Scalar(ReadOnlySpan<byte> values)
    {
        byte largest = 0;
        foreach (byte value in values)
        {
            largest = Math.Max(largest, value);
        }

        return largest;
    }
}
