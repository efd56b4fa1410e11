namespace DenseCrf.Permutohedral;

/// <summary>The scaled features c of Adams et al.: a feature divided by its deviation, times the scale of its axis.</summary>
/// <remarks>Two float roundings, in this order: the reference's, on which the side of a simplex face may depend.</remarks>
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

    /// <summary>The value of the largest feature; the smallest is 0.</summary>
    public float Largest { get; }

    /// <summary>The scales of every feature of a kernel: x, y, and where colour counts red, green, blue.</summary>
    public static FeatureScale[] Of(CrfKernel kernel, ImageSize size)
    {
        int d = kernel.Dimensions;
        FeatureScale x = new(kernel.Sx, 0, d, size.Width - 1), y = new(kernel.Sy, 1, d, size.Height - 1);
        return kernel.Rgb is not { } rgb ? [x, y]
            : [x, y, new(rgb.R, 2, d, byte.MaxValue), new(rgb.G, 3, d, byte.MaxValue), new(rgb.B, 4, d, byte.MaxValue)];
    }

    public float At(int feature) => feature / _deviation * _scale;
}
