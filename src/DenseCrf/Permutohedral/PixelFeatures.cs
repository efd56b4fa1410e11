using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>The scaled features of an image's pixels: a table of every value that each of them can take.</summary>
internal sealed unsafe class PixelFeatures(CrfWorkspace owner) : IDisposable
{
    private const int ColorValues = byte.MaxValue + 1;

    private readonly NativeBuffer<float> _values = new(owner);
    private ImageSize _size;
    private int _dimensions;

    /// <summary>Computes the table: one value for each x, each y and each value of a colour.</summary>
    public void Tabulate(ReadOnlySpan<FeatureScale> scales, ImageSize size)
    {
        (_size, _dimensions) = (size, scales.Length);
        float* at = _values.Ensure(size.Width + size.Height + ((_dimensions - 2) * ColorValues));
        for (int axis = 0; axis < _dimensions; axis++)
        {
            int count = axis switch { 0 => size.Width, 1 => size.Height, _ => ColorValues };
            for (int value = 0; value < count; value++)
            {
                *at++ = scales[axis].At(value);
            }
        }
    }

    /// <summary>Sets the features of a block of pixels.</summary>
    /// <param name="simplex">Receives the features.</param>
    /// <param name="pixels">The pixels.</param>
    /// <param name="rgb">The image; not read where the kernel has no colour.</param>
    public void Set(ref SimplexBlock simplex, in PixelBlock pixels, byte* rgb)
    {
        float* xs = _values.Pointer, ys = xs + _size.Width, colors = ys + _size.Height;
        for (int point = 0; point < pixels.Count; point++)
        {
            simplex.SetFeature(0, point, xs[pixels.X(point)]);
            simplex.SetFeature(1, point, ys[pixels.Y(point)]);
        }

        for (int point = 0; _dimensions > 2 && point < pixels.Count; point++)
        {
            byte* pixel = rgb + (pixels.Pixel(point) * 3L);
            simplex.SetFeature(2, point, colors[pixel[0]]);
            simplex.SetFeature(3, point, colors[ColorValues + pixel[1]]);
            simplex.SetFeature(4, point, colors[(2 * ColorValues) + pixel[2]]);
        }
    }

    public void Dispose() => _values.Dispose();
}
