namespace InferenceServer.Kernels.Upsampling;

/// <summary>One tile's part of one axis: the photo's pixels that the tile answers for, and the pixels of the resized photo that its network sees.</summary>
/// <param name="First">First photo pixel.</param>
/// <param name="Count">Number of photo pixels.</param>
/// <param name="Start">First pixel of the resized photo.</param>
/// <param name="Length">Number of pixels of the resized photo.</param>
/// <remarks>A photo pixel belongs to every tile within whose outer edges its centre falls, so tiles that touch leave no pixel out and pixels between two grids are clamped to the tile.</remarks>
public readonly record struct AxisTile(int First, int Count, int Start, int Length)
{
    /// <summary>The whole axis in one tile.</summary>
    /// <param name="output">Length of the photo.</param>
    /// <param name="image">Length of the resized photo.</param>
    public static AxisTile Whole(int output, int image) => new(0, output, 0, image);

    /// <summary>The tile that sees <paramref name="length"/> pixels of the resized photo from <paramref name="start"/> on.</summary>
    /// <param name="output">Length of the photo.</param>
    /// <param name="image">Length of the resized photo.</param>
    /// <param name="start">First pixel that it sees.</param>
    /// <param name="length">Number of pixels that it sees.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tile does not lie inside the resized photo.</exception>
    public static AxisTile Create(int output, int image, int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, image - start);
        int first = FirstFrom(output, image, start);
        return new AxisTile(first, FirstFrom(output, image, start + length) - first, start, length);
    }

    // The first x with (x + ½) · image / output ≥ edge, in whole numbers, so that neighbours agree on it.
    private static int FirstFrom(int output, int image, int edge)
    {
        long numerator = (2L * edge * output) - image, denominator = 2L * image;
        return numerator <= 0 ? 0 : (int)((numerator + denominator - 1) / denominator);
    }
}
