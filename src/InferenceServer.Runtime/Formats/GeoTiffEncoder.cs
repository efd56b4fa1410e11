using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Security;
using System.Text;
using System.Xml;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices as a tiled GeoTIFF with the classes' colours and names and the image's georeference; on
/// request with the confidence as a second band.</summary>
/// <param name="withOverviews">Whether the file has overviews, which makes it a Cloud-Optimised GeoTIFF.</param>
internal sealed class GeoTiffEncoder(bool withOverviews) : IMaskEncoder
{
    private const int Side = 512, SmallSide = 256;
    private const int Head = 64 << 10;
    private const ushort GreyPhotometric = 1, PalettePhotometric = 3;
    private const ushort ColorMapTag = 320;

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options)
    {
        long image = mask.LabelBytes * mask.Pixels, buffers = 0;
        if (options.Confidence)
        {
            buffers = image; // a copy with the numbers that the file may have
            image *= 2;
        }

        if (withOverviews)
        {
            buffers += image / 2; // labels and confidence of the overviews
            image = image * 4 / 3;
        }

        // The tiles, of which those of noise are longer than their pixels, grow beside the answer, which is made in one piece.
        image += (image / 16) + Head;
        return new EncodingBytes(buffers + (2 * image), image, IsWhole: true);
    }

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ReadOnlyMemory<byte> confidence = default;
        if (options.Confidence)
        {
            confidence = content.Confidence;
        }

        if (content.WideLabels.IsEmpty)
        {
            Write(content.Labels, confidence, content, options.Geotransform, output);
        }
        else
        {
            Write(content.WideLabels, confidence, content, options.Geotransform, output);
        }
    }

    private void Write<T>(
        ReadOnlyMemory<T> labels, ReadOnlyMemory<byte> confidence, MaskContent content, Geotransform? geotransform,
        IBufferWriter<byte> output)
        where T : unmanaged, IBinaryInteger<T>
    {
        List<TiledImage> images = [];
        List<IDisposable> buffers = [];
        try
        {
            ImageSize size = content.Size;
            int side = SmallSide;
            if (Math.Max(size.Width, size.Height) > SmallSide)
            {
                side = Side;
            }

            images.Add(Image(size, side, labels.Span, confidence.Span, content));
            Describe(images[0], content, !confidence.IsEmpty, geotransform);
            while (withOverviews && Math.Max(size.Width, size.Height) > Side)
            {
                ImageSize half = Overviews.Halved(size);
                PooledBuffer<T> smaller = new((int)half.Pixels);
                buffers.Add(smaller);
                Overviews.Majority(labels.Span, size, smaller.Span);
                labels = smaller.Memory;
                if (!confidence.IsEmpty)
                {
                    PooledBuffer<byte> mean = new((int)half.Pixels);
                    buffers.Add(mean);
                    Overviews.Mean(confidence.Span, size, mean.Span);
                    confidence = mean.Memory;
                }

                size = half;
                images.Add(Image(size, side, labels.Span, confidence.Span, content));
                images[^1].Tags[254] = TiffValue.Whole(1); // a smaller version of another image
            }

            TiffWriter.Write(images, output);
        }
        finally
        {
            images.ForEach(image => image.Dispose());
            buffers.ForEach(buffer => buffer.Dispose());
        }
    }

    private static TiledImage Image<T>(
        ImageSize size, int side, ReadOnlySpan<T> labels, ReadOnlySpan<byte> confidence, MaskContent content)
        where T : unmanaged, IBinaryInteger<T>
    {
        using PooledBuffer<T> band = new(confidence.Length);
        Confidence(confidence, Nodata(content), band.Span);
        TiledImage image = new(size, side);
        image.AddTiles(labels, band.Span);
        ushort bits = (ushort)(8 * T.One.GetByteCount());
        bool hasPalette = confidence.IsEmpty && bits == 8;
        ushort photometric = GreyPhotometric;
        if (hasPalette)
        {
            photometric = PalettePhotometric;
            image.Tags[ColorMapTag] = TiffValue.Shorts(ColorMap(content));
        }

        image.Tags[262] = TiffValue.Shorts([photometric]);
        image.Tags[258] = TiffValue.Shorts([bits]);
        image.Tags[277] = TiffValue.Shorts([1]);
        image.Tags[339] = TiffValue.Shorts([1]); // unsigned integers
        if (Nodata(content) is { } nodata)
        {
            image.Tags[42113] = TiffValue.Text(nodata.ToString(CultureInfo.InvariantCulture));
        }

        if (!confidence.IsEmpty)
        {
            image.Tags[258] = TiffValue.Shorts([bits, bits]);
            image.Tags[277] = TiffValue.Shorts([2]);
            image.Tags[338] = TiffValue.Shorts([0]); // the second band is no alpha
            image.Tags[339] = TiffValue.Shorts([1, 1]);
        }

        return image;
    }

    // The number of GDAL_NODATA applies to both bands, so a confidence of that number takes its neighbour.
    private static void Confidence<T>(ReadOnlySpan<byte> confidence, int? nodata, Span<T> band)
        where T : unmanaged, IBinaryInteger<T>
    {
        int neighbour = nodata - 1 ?? 0;
        if (nodata == 0)
        {
            neighbour = 1;
        }

        for (int i = 0; i < band.Length; i++)
        {
            int value = confidence[i];
            if (value == nodata)
            {
                value = neighbour;
            }

            band[i] = T.CreateTruncating(value);
        }
    }

    // With 256 classes in a byte, no number is left.
    private static int? Nodata(MaskContent content)
    {
        if (content.Classes.Names.Count == ArgMax.MaxClasses && content.Classes.Ignore == ArgMax.MaxClasses - 1)
        {
            return null;
        }

        return content.Classes.Ignore;
    }

    // TIFF's colours have 16 bits, all of red first.
    private static ushort[] ColorMap(MaskContent content)
    {
        ReadOnlySpan<byte> rgb = content.Classes.Palette.Rgb;
        ushort[] map = new ushort[3 * ArgMax.MaxClasses];
        for (int i = 0; i < map.Length; i++)
        {
            map[i] = (ushort)(257 * rgb[(i % ArgMax.MaxClasses * 3) + (i / ArgMax.MaxClasses)]);
        }

        return map;
    }

    private static void Describe(TiledImage image, MaskContent content, bool hasConfidence, Geotransform? geotransform)
    {
        image.Tags[270] = TiffValue.Text(string.Create(CultureInfo.InvariantCulture, $"Classes by {content.Model} {content.Version}"));
        image.Tags[305] = TiffValue.Text("InferenceServer");
        image.Tags[42112] = TiffValue.Text(Metadata(content, hasConfidence, hasPalette: image.Tags.ContainsKey(ColorMapTag)));
        GeoTags geo = content.Geo ?? new GeoTags();
        if (geotransform is { } given)
        {
            geo = geo.WithAffine([given.OriginX, given.ColumnX, given.RowX, given.OriginY, given.ColumnY, given.RowY]);
        }

        foreach ((ushort tag, IReadOnlyList<double> numbers) in geo.DoubleTags.Where(tag => tag.Numbers.Count > 0))
        {
            image.Tags[tag] = TiffValue.Doubles([.. numbers]);
        }

        if (geo.KeyDirectory.Count > 0)
        {
            image.Tags[GeoTags.KeyDirectoryTag] = TiffValue.Shorts([.. geo.KeyDirectory]);
        }

        if (geo.AsciiParams is { } ascii)
        {
            image.Tags[GeoTags.AsciiParamsTag] = TiffValue.Text(ascii);
        }
    }

    private static string Metadata(MaskContent content, bool hasConfidence, bool hasPalette)
    {
        StringBuilder xml = new("<GDALMetadata>\n");
        Append("MODEL", content.Model);
        Append("MODEL_VERSION", content.Version.ToString(CultureInfo.InvariantCulture));
        for (int i = 0; i < content.Classes.Names.Count; i++)
        {
            Append(string.Create(CultureInfo.InvariantCulture, $"CLASS_{i}"), content.Classes.Names[i]);
            if (!hasPalette)
            {
                Append(string.Create(CultureInfo.InvariantCulture, $"COLOR_{i}"), content.Classes.Color(i));
            }
        }

        xml.Append("<Item name=\"DESCRIPTION\" sample=\"0\" role=\"description\">class</Item>\n");
        if (hasConfidence)
        {
            xml.Append("<Item name=\"DESCRIPTION\" sample=\"1\" role=\"description\">confidence</Item>\n");
            xml.Append("<Item name=\"OFFSET\" sample=\"1\" role=\"offset\">0</Item>\n");
            xml.Append("<Item name=\"SCALE\" sample=\"1\" role=\"scale\">0.00392156862745098</Item>\n");
        }

        return xml.Append("</GDALMetadata>\n").ToString();

        void Append(string name, string text) =>
            xml.Append(CultureInfo.InvariantCulture, $"<Item name=\"{name}\">{XmlText.Escape(text)}</Item>\n");
    }
}

/// <summary>Text within XML.</summary>
internal static class XmlText
{
    /// <summary>Escapes markup and leaves out characters that XML cannot hold.</summary>
    public static string? Escape(string text) =>
        SecurityElement.Escape(string.Concat(text.Where(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c))));
}

/// <summary>Overviews at half the size; a side is rounded up, and a border pixel stands for the missing
/// neighbour.</summary>
internal static class Overviews
{
    /// <summary>Half the size.</summary>
    public static ImageSize Halved(ImageSize size) => new((size.Width + 1) / 2, (size.Height + 1) / 2);

    /// <summary>The most frequent of 2 × 2 labels; of labels that are equally frequent, the smallest.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="size">Size of <paramref name="labels"/>.</param>
    /// <param name="halved">Receives the overview, of the size <see cref="Halved"/>.</param>
    public static void Majority<T>(ReadOnlySpan<T> labels, ImageSize size, Span<T> halved)
        where T : unmanaged, IBinaryInteger<T>
    {
        Reduce(labels, size, halved, static (a, b, c, d) =>
        {
            if (a == b && a == c)
            {
                return a;
            }

            (a, b) = (T.Min(a, b), T.Max(a, b));
            (c, d) = (T.Min(c, d), T.Max(c, d));
            (a, c) = (T.Min(a, c), T.Max(a, c));
            (b, d) = (T.Min(b, d), T.Max(b, d));
            (b, c) = (T.Min(b, c), T.Max(b, c));
            if (b == c)
            {
                return b;
            }

            if (c == d && a != b)
            {
                return c;
            }

            return a;
        });
    }

    /// <summary>The mean of 2 × 2 numbers, rounded.</summary>
    /// <inheritdoc cref="Majority"/>
    public static void Mean(ReadOnlySpan<byte> numbers, ImageSize size, Span<byte> halved) =>
        Reduce(numbers, size, halved, static (a, b, c, d) => (byte)((a + b + c + d + 2) / 4));

    private static void Reduce<T>(ReadOnlySpan<T> from, ImageSize size, Span<T> to, Func<T, T, T, T, T> of)
    {
        ImageSize half = Halved(size);
        for (int y = 0; y < half.Height; y++)
        {
            ReadOnlySpan<T> upper = from.Slice(2 * y * size.Width, size.Width);
            ReadOnlySpan<T> lower = from.Slice(Math.Min((2 * y) + 1, size.Height - 1) * size.Width, size.Width);
            Span<T> row = to.Slice(y * half.Width, half.Width);
            for (int x = 0; x < row.Length; x++)
            {
                int right = Math.Min((2 * x) + 1, size.Width - 1);
                row[x] = of(upper[2 * x], upper[right], lower[2 * x], lower[right]);
            }
        }
    }
}
