namespace DenseCrf.Permutohedral;

/// <summary>
/// Scales a feature as Adams et al. do: divided by its standard deviation, times the scale of its axis.
/// </summary>
/// <remarks>
/// Rounds to float twice, in the order of the reference implementation: on which side of a simplex face a pixel lies
/// may depend on it.
/// </remarks>
internal readonly struct FeatureScale
{
    private readonly float _deviation;
    private readonly float _scale;

    private FeatureScale(float deviation, int axis, int dimensions, int largest)
    {
        float common = (float)(Math.Sqrt(2.0 / 3) * (dimensions + 1));
        _deviation = deviation;
        _scale = (float)(1 / Math.Sqrt((axis + 1.0) * (axis + 2.0)) * common);
        Largest = At(largest);
    }

    /// <summary>The scaled value of the largest feature. That of the smallest is 0.</summary>
    public float Largest { get; }

    /// <summary>The scales of a kernel's features: x and y, and with colour red, green and blue.</summary>
    public static FeatureScale[] Of(CrfKernel kernel, ImageSize size)
    {
        int d = kernel.Dimensions;
        FeatureScale x = new(kernel.Sx, 0, d, size.Width - 1), y = new(kernel.Sy, 1, d, size.Height - 1);
        if (kernel.Rgb is not { } rgb)
        {
            return [x, y];
        }

        return [x, y, new(rgb.R, 2, d, byte.MaxValue), new(rgb.G, 3, d, byte.MaxValue), new(rgb.B, 4, d, byte.MaxValue)];
    }

    public float At(int feature) => feature / _deviation * _scale;
}
