using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Decoded bands of an image, of any sample type, as floats. The caller disposes the raster.</summary>
internal sealed class Raster : IDisposable
{
    private readonly PooledBuffer<float>[] _planes;
    private readonly TiffImage _file;

    private Raster(TiffImage file, IReadOnlyList<int> bands, float missing, CancellationToken cancellationToken)
    {
        _file = file;
        Size = file.Size;
        _planes = [.. bands.Select(_ => new PooledBuffer<float>(checked((int)Size.Pixels)))];
        try
        {
            file.Read(bands, _planes, missing, cancellationToken);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Width and height of the bands.</summary>
    public ImageSize Size { get; }

    /// <summary>Number of bands.</summary>
    public int Bands => _planes.Length;

    /// <summary>One band, HW.</summary>
    public Span<float> this[int band] => _planes[band].Span;

    /// <summary>Reads the colours of an image, and its alpha behind them.</summary>
    /// <exception cref="SegmentationException">The file does not say which samples are colours, or it is truncated or
    /// damaged.</exception>
    public static Raster OfColors(TiffImage file, CancellationToken cancellationToken)
    {
        if (file.IsBands)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage,
                $"Expected an image in RGB or gray; the image has {file.Bands} bands of {file.Type}, and the file does not say which " +
                "of them are red, green and blue. Choose them, for instance with gdal_translate -b 3 -b 2 -b 1 -co PHOTOMETRIC=RGB.");
        }

        IEnumerable<int> colors = Enumerable.Range(0, file.Colors);
        return new Raster(file, [.. file.Alpha is { } alpha ? colors.Append(alpha) : colors], missing: 0, cancellationToken);
    }

    /// <summary>Writes the colours of <see cref="OfColors"/> as 8 bits, upright and on white.</summary>
    /// <param name="pixels">HWC, RGB; every byte is written.</param>
    /// <param name="cancellationToken">Stops the turn.</param>
    /// <exception cref="SegmentationException">The file does not say which value is white.</exception>
    public void WriteColors(Memory<byte> pixels, CancellationToken cancellationToken)
    {
        (float least, float most) = (float.PositiveInfinity, float.NegativeInfinity);
        for (int c = 0; c < _file.Colors; c++)
        {
            (float low, float high) = SampleRange.Of(this[c]);
            (least, most) = (Math.Min(least, low), Math.Max(most, high));
        }

        float white = SampleRange.Check(_file.FullRange, _file.Type, least, most);
        Span<byte> rgb = pixels.Span;
        for (int c = 0; c < 3; c++)
        {
            ReadOnlySpan<float> plane = this[Math.Min(c, _file.Colors - 1)];
            for (int i = 0; i < plane.Length; i++)
            {
                float value = plane[i] / white;
                if (_file.IsInverted)
                {
                    value = 1 - value;
                }

                if (_file.Alpha is not null)
                {
                    float alpha = this[_file.Colors][i] / white;
                    value = (_file.IsPremultiplied ? value : value * alpha) + 1 - alpha;
                }

                rgb[(i * 3) + c] = (byte)(Math.Clamp(value, 0, 1) * byte.MaxValue + 0.5f);
            }
        }

        if (_file.Orientation > 1)
        {
            Libvips.Turn(pixels, Size.Width, Size.Height, _file.Orientation, cancellationToken);
        }
    }

    /// <summary>Returns the planes to the pool.</summary>
    public void Dispose() => Array.ForEach(_planes, plane => plane.Dispose());
}

/// <summary>Which values of samples are black and white.</summary>
internal static class SampleRange
{
    /// <summary>The smallest and the largest finite value; both 0 where there is none.</summary>
    public static (float Least, float Most) Of(ReadOnlySpan<float> values)
    {
        (float least, float most) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (float value in values)
        {
            if (float.IsFinite(value))
            {
                (least, most) = (Math.Min(least, value), Math.Max(most, value));
            }
        }

        if (least > most)
        {
            return (0, 0);
        }

        return (least, most);
    }

    /// <summary>Checks that the image says by itself which value is white: samples of up to 15 bits, or deeper ones that
    /// use their whole range.</summary>
    /// <param name="white">The largest value of the type; null for signed and floating-point numbers.</param>
    /// <param name="type">The type's name.</param>
    /// <param name="least">The smallest value of the image.</param>
    /// <param name="most">The largest value of the image.</param>
    /// <returns>The value that is white.</returns>
    /// <exception cref="SegmentationException">It does not.</exception>
    public static float Check(double? white, string type, double least, double most)
    {
        bool isKnown = white < ushort.MaxValue || most > white / 2 || (least == 0 && most == 0);
        if (white is { } value && isKnown)
        {
            return (float)value;
        }

        string range = string.Create(CultureInfo.InvariantCulture, $"{least:G6} to {most:G6}");
        throw new SegmentationException(
            SegmentationError.UndecodableImage,
            $"Expected an image of 8 bits; the image has samples of {type} with values of {range}, and does not say which values are " +
            "black and white. Convert it, for instance with gdal_translate -ot Byte -scale BLACK WHITE 0 255.");
    }
}
