namespace InferenceServer.Kernels;

/// <summary>The size of an image, or of a grid of scores, in pixels.</summary>
/// <param name="Width">Number of columns.</param>
/// <param name="Height">Number of rows.</param>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>
    /// Width × height, in 64 bits, because the pixels of a large image times its channels overflow an
    /// <see cref="int"/>.
    /// </summary>
    public long Pixels => (long)Width * Height;

    /// <summary>The size as text: <c>480×360</c>.</summary>
    public override string ToString() => $"{Width}×{Height}";
}
