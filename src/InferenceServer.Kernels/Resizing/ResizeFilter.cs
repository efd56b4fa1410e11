namespace InferenceServer.Kernels.Resizing;

/// <summary>The interpolation of a resize. Each resizer documents its kernels.</summary>
public enum ResizeFilter
{
    /// <summary>Copies one source pixel.</summary>
    Nearest,

    /// <summary>A triangle kernel, with two taps for each axis in an enlargement.</summary>
    Bilinear,

    /// <summary>
    /// Cubic convolution, with four taps for each axis in an enlargement. Overshoots at edges; clamped to 0…255.
    /// </summary>
    Bicubic,
}

/// <summary>The argument checks of both resizers.</summary>
internal static class ResizeArguments
{
    public const int Channels = 3;

    public static void Check(
        ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, ImageSize destinationSize, int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, destinationSize.Height - firstRow);
        CheckSize(source.Length, sourceSize, nameof(source));
        CheckSize(destination.Length, destinationSize with { Height = rows }, nameof(destination));
        if (source.Overlaps(destination))
        {
            throw new ArgumentException("Expected a destination that does not overlap the source.", nameof(destination));
        }
    }

    private static void CheckSize(int length, ImageSize size, string name)
    {
        if (size.Width <= 0 || size.Height <= 0 || length != size.Pixels * Channels)
        {
            throw new ArgumentException($"Expected the bytes of an RGB image of {size} pixels, got {length} bytes.", name);
        }
    }
}
