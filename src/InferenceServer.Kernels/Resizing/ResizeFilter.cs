namespace InferenceServer.Kernels.Resizing;

/// <summary>The interpolation of a resize. Which kernel a name stands for is the library's choice: see each resizer.</summary>
public enum ResizeFilter
{
    /// <summary>One source pixel, never mixed: the only filter fit for label maps.</summary>
    Nearest,

    /// <summary>Triangle kernel, two taps per axis when growing.</summary>
    Bilinear,

    /// <summary>Cubic convolution, four taps per axis when growing; overshoots at edges and is clipped to 0…255.</summary>
    Bicubic,
}

/// <summary>The argument checks that both resizers share.</summary>
internal static class ResizeArguments
{
    public const int Channels = 3;

    public static void Check(ReadOnlySpan<byte> source, ImageSize sourceSize, Span<byte> destination, ImageSize destinationSize, int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, destinationSize.Height - firstRow);
        CheckSize(source.Length, sourceSize, nameof(source));
        CheckSize(destination.Length, destinationSize with { Height = rows }, nameof(destination));
        if (source.Overlaps(destination))
        {
            throw new ArgumentException("A resize cannot run in place.", nameof(destination));
        }
    }

    private static void CheckSize(int length, ImageSize size, string name)
    {
        if (size.Width <= 0 || size.Height <= 0 || length != size.Pixels * Channels)
        {
            throw new ArgumentException($"{length} bytes are not an RGB image of {size} pixels.", name);
        }
    }
}
