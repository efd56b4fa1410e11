namespace InferenceServer.Kernels;

/// <summary>The size of an image or of a score grid, in pixels.</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Width × height, in 64 bits: a large photo times its channels passes the range of an <see cref="int"/>.</summary>
    public long Pixels => (long)Width * Height;

    /// <summary>The size as people write it: <c>480×360</c>.</summary>
    public override string ToString() => $"{Width}×{Height}";
}
