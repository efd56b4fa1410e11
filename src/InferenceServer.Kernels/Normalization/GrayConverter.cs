namespace InferenceServer.Kernels.Normalization;

/// <summary>Converts 8-bit RGB to gray.</summary>
/// <remarks>Equal to Pillow's <c>convert("L")</c>: (19595·R + 38470·G + 7471·B + 32768) / 65536, rounded down. The
/// weights sum to 65536, so gray stays as it is.</remarks>
public static class GrayConverter
{
    private const int Channels = 3;

    /// <summary>Writes the gray of each pixel to its three channels, so that it can be resized as RGB is.</summary>
    /// <param name="rgb">HWC, red first, 0 to 255.</param>
    /// <param name="gray">Receives three equal values for each pixel; may be <paramref name="rgb"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lengths differ, or are no multiple of three.</exception>
    public static void Compute(ReadOnlySpan<byte> rgb, Span<byte> gray)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(gray.Length, rgb.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rgb.Length % Channels, 0);
        for (int i = 0; i < gray.Length; i += Channels)
        {
            byte value = At(rgb.Slice(i, Channels));
            gray[i] = value;
            gray[i + 1] = value;
            gray[i + 2] = value;
        }
    }

    /// <summary>The gray of one pixel.</summary>
    internal static byte At(ReadOnlySpan<byte> pixel) =>
        (byte)(((pixel[0] * 19595) + (pixel[1] * 38470) + (pixel[2] * 7471) + 0x8000) >> 16);
}
