using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Decoded bands of an image, of any sample type, as floats. The caller disposes the raster.</summary>
internal sealed class Raster : IDisposable
{
    private readonly List<PooledBuffer<float>> _planes = [];

    /// <param name="size">Width and height.</param>
    /// <param name="bands">Number of bands, whose values are not set.</param>
    public Raster(ImageSize size, int bands)
    {
        Size = size;
        for (int i = 0; i < bands; i++)
        {
            _planes.Add(new PooledBuffer<float>(checked((int)size.Pixels)));
        }
    }

    /// <summary>Width and height of the bands.</summary>
    public ImageSize Size { get; }

    /// <summary>The bands, HW.</summary>
    public IReadOnlyList<PooledBuffer<float>> Planes => _planes;

    /// <summary>One band, HW.</summary>
    public Span<float> this[int band] => _planes[band].Span;

    /// <summary>The values of some bands.</summary>
    public IReadOnlyList<Memory<float>> Choose(IEnumerable<int> planes) => [.. planes.Select(plane => _planes[plane].Memory)];

    /// <summary>Returns the planes to the pool.</summary>
    public void Dispose() => _planes.ForEach(plane => plane.Dispose());
}

/// <summary>The colours of a TIFF whose samples libvips does not read.</summary>
internal static class TiffColors
{
    /// <summary>Reads the colours as 8 bits, upright and on white.</summary>
    /// <param name="file">The image.</param>
    /// <param name="pixels">HWC, RGB; every byte is written.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="SegmentationException">The file does not say which samples are colours or which value is white,
    /// or it is truncated or damaged.</exception>
    public static void Read(TiffImage file, Memory<byte> pixels, CancellationToken cancellationToken)
    {
        if (file.IsBands)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage,
                $"Expected an image in RGB or gray; the image has {file.Bands} bands of {file.Type}, and the file does not say which " +
                "of them are colours. Name them, for instance with bands=3,2,1.");
        }

        List<int> samples = [.. Enumerable.Range(0, file.Colors)];
        if (file.Alpha is { } opacity)
        {
            samples.Add(opacity);
        }

        using Raster raster = new(file.Size, samples.Count);
        file.Read(samples, raster.Planes, missing: 0, cancellationToken);
        (double least, double most) = SampleRange.Of(raster.Choose(Enumerable.Range(0, file.Colors)));
        float white = SampleRange.Check(file.FullRange, file.Type, least, most);
        Span<byte> rgb = pixels.Span;
        for (int c = 0; c < 3; c++)
        {
            ReadOnlySpan<float> plane = raster[Math.Min(c, file.Colors - 1)];
            for (int i = 0; i < plane.Length; i++)
            {
                float value = plane[i] / white;
                if (file.IsInverted)
                {
                    value = 1 - value;
                }

                if (file.Alpha is not null)
                {
                    float alpha = raster[file.Colors][i] / white;
                    value = (file.IsPremultiplied ? value : value * alpha) + 1 - alpha;
                }

                rgb[(i * 3) + c] = (byte)((Math.Clamp(value, 0, 1) * byte.MaxValue) + 0.5f);
            }
        }

        if (file.Orientation > 1)
        {
            Libvips.Turn(pixels, file.Size.Width, file.Size.Height, file.Orientation, cancellationToken);
        }
    }
}

/// <summary>Which values of samples are black and white.</summary>
internal static class SampleRange
{
    /// <summary>The smallest and the largest finite value; both 0 where there is none.</summary>
    public static (double Least, double Most) Of(IReadOnlyList<Memory<float>> planes)
    {
        (float least, float most) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (Memory<float> plane in planes)
        {
            foreach (float value in plane.Span)
            {
                if (float.IsFinite(value))
                {
                    (least, most) = (Math.Min(least, value), Math.Max(most, value));
                }
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
            "black and white. Say them: value_scaling=min-max:BLACK,WHITE in the request, or preprocess.value_scaling in the manifest.");
    }
}
