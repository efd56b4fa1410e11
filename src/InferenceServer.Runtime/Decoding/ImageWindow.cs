using System.Globalization;
using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The part of an image that a request segments: a rectangle of pixels, or an area of the map.</summary>
public sealed class ImageWindow
{
    // A side of an area that ends on the edge of a pixel may be a rounding error beyond it.
    private const double Tolerance = 1e-6;

    private readonly double[] _numbers;
    private readonly bool _isArea;

    private ImageWindow(double[] numbers, bool isArea) => (_numbers, _isArea) = (numbers, isArea);

    /// <summary>A rectangle of pixels of the upright image.</summary>
    /// <param name="x">First column.</param>
    /// <param name="y">First row.</param>
    /// <param name="width">Number of columns.</param>
    /// <param name="height">Number of rows.</param>
    /// <returns>Null for a negative position, or a side below 1.</returns>
    public static ImageWindow? Pixels(int x, int y, int width, int height)
    {
        if (x < 0 || y < 0 || width < 1 || height < 1)
        {
            return null;
        }

        return new ImageWindow([x, y, width, height], isArea: false);
    }

    /// <summary>All pixels that an area touches, as far as the image covers it.</summary>
    /// <param name="minX">Least x in the coordinate reference system of the image's file.</param>
    /// <param name="minY">Least y.</param>
    /// <param name="maxX">Largest x; above <paramref name="minX"/>.</param>
    /// <param name="maxY">Largest y; above <paramref name="minY"/>.</param>
    /// <returns>Null for numbers that are no area.</returns>
    public static ImageWindow? Area(double minX, double minY, double maxX, double maxY)
    {
        bool isFinite = double.IsFinite(minX) && double.IsFinite(minY) && double.IsFinite(maxX) && double.IsFinite(maxY);
        if (!isFinite || minX >= maxX || minY >= maxY)
        {
            return null;
        }

        return new ImageWindow([minX, minY, maxX, maxY], isArea: true);
    }

    /// <summary>The pixels of the window in an image.</summary>
    /// <param name="image">Size of the upright image.</param>
    /// <param name="affine">Six numbers in GDAL's order that map corners of pixels to map coordinates; null where the image
    /// has none.</param>
    /// <exception cref="SegmentationException">The window is not in the image, or an area has nothing to refer
    /// to.</exception>
    internal PixelWindow In(ImageSize image, IReadOnlyList<double>? affine)
    {
        if (_isArea)
        {
            return Covering(image, affine);
        }

        PixelWindow window = new((int)_numbers[0], (int)_numbers[1], (int)_numbers[2], (int)_numbers[3]);
        if ((long)window.X + window.Width > image.Width || (long)window.Y + window.Height > image.Height)
        {
            throw Invalid($"window: expected pixels of the image, which has {image}, got {string.Join(',', _numbers)}.");
        }

        return window;
    }

    private PixelWindow Covering(ImageSize image, IReadOnlyList<double>? affine)
    {
        double[] map = [.. affine ?? [0, 0, 0, 0, 0, 0]];
        (double c, double a, double b, double f, double d, double e) = (map[0], map[1], map[2], map[3], map[4], map[5]);
        double size = (a * e) - (b * d);
        if (size == 0)
        {
            throw Invalid(
                $"bbox: expected an image whose file has a transform to map coordinates. Send geotransform or worldfile, too, or window.");
        }

        double left = double.PositiveInfinity, top = left, right = double.NegativeInfinity, bottom = right;
        for (int corner = 0; corner < 4; corner++)
        {
            double x = _numbers[(corner & 1) * 2] - c, y = _numbers[((corner >> 1) * 2) + 1] - f;
            double column = ((x * e) - (y * b)) / size, row = ((y * a) - (x * d)) / size;
            (left, right) = (Math.Min(left, column), Math.Max(right, column));
            (top, bottom) = (Math.Min(top, row), Math.Max(bottom, row));
        }

        double firstX = Math.Max(Math.Floor(left + Tolerance), 0), endX = Math.Min(Math.Ceiling(right - Tolerance), image.Width);
        double firstY = Math.Max(Math.Floor(top + Tolerance), 0), endY = Math.Min(Math.Ceiling(bottom - Tolerance), image.Height);
        if (firstX < endX && firstY < endY)
        {
            return new PixelWindow((int)firstX, (int)firstY, (int)(endX - firstX), (int)(endY - firstY));
        }

        throw Invalid(
            $"bbox: expected an area that overlaps the image, in the file's coordinate reference system; the image covers {Extent()}.");

        string Extent()
        {
            IEnumerable<double> xs = [c, c + (image.Width * a), c + (image.Height * b), c + (image.Width * a) + (image.Height * b)];
            IEnumerable<double> ys = [f, f + (image.Width * d), f + (image.Height * e), f + (image.Width * d) + (image.Height * e)];
            return string.Create(CultureInfo.InvariantCulture, $"{xs.Min()},{ys.Min()},{xs.Max()},{ys.Max()}");
        }
    }

    private static SegmentationException Invalid(FormattableString message) =>
        new(SegmentationError.InvalidRequest, message.ToString(CultureInfo.InvariantCulture));
}
