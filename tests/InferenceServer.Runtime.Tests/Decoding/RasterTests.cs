using System.Buffers.Binary;
using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>Samples of every type, in every layout that GDAL writes, and images that are refused because the file does
/// not say what its samples mean.</summary>
public sealed class RasterTests
{
    private const int Width = 21, Height = 18, Bands = 3;
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "assets", "rasters");

    private static readonly PixelWindow[] Windows =
    [
        PixelWindow.Of(new ImageSize(Width, Height)), new(3, 5, 7, 4), new(20, 17, 1, 1), new(0, 16, Width, 2), new(15, 0, 2, Height),
    ];

    public static TheoryData<string> Files => [.. Directory.EnumerateFiles(Folder, "*.tif").Select(f => Path.GetFileName(f))];

    [Theory, MemberData(nameof(Files))]
    public void Read_EachTypeAndLayout_GivesTheSamples(string name)
    {
        TiffDirectory directory = new(File.ReadAllBytes(Path.Combine(Folder, name)));
        TiffImage file = new(directory);
        Assert.Null(file.Obstacle());
        Assert.Equal(name.Split('-')[0], file.Type);
        Assert.Equal(new ImageSize(Width, Height), file.Size);
        TiffSamples samples = new(directory, file);
        int[] bands = [2, 0, 1];
        foreach (PixelWindow window in Windows)
        {
            Memory<float>[] planes = [.. bands.Select(_ => new float[window.Size.Pixels])];

            samples.Read(bands, planes, window, missing: 0, CancellationToken.None);

            foreach ((int band, Memory<float> plane) in bands.Zip(planes))
            {
                Assert.Equal(Part(Expected(file.Type, band), window), plane.ToArray());
            }
        }
    }

    [Theory, MemberData(nameof(Files))]
    public void Decode_Window_IsAPartOfThePicture(string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Folder, name));
        if (name.StartsWith("uint", StringComparison.Ordinal) && name.Split('-')[0] is "uint8" or "uint9" or "uint12")
        {
            using RgbImage all = Decoder.Decode(file, CancellationToken.None);
            foreach (PixelWindow window in Windows)
            {
                using EncodedImage image = Decoder.Open(file, ImageWindow.Pixels(window.X, window.Y, window.Width, window.Height));
                byte[] pixels = new byte[window.Size.Pixels * 3];

                image.Decode(pixels, CancellationToken.None);

                int[] places = Part([.. Enumerable.Range(0, Width * Height)], window);
                Assert.Equal(places.SelectMany(i => all.Pixels.Span.Slice(i * 3, 3).ToArray()), pixels);
            }
        }
    }

    [Theory, MemberData(nameof(Files))]
    public void Decode_EachTypeAndLayout_GivesThePictureOrSaysItsRange(string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Folder, name));
        string type = name.Split('-')[0];
        double? white = type switch { "uint8" => 255, "uint9" => 511, "uint12" => 4095, _ => null };
        if (white is null)
        {
            SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Decode(file, CancellationToken.None));
            Assert.Equal(SegmentationError.UndecodableImage, e.Error);
            float[] values = [.. Enumerable.Range(0, Bands).SelectMany(b => Expected(type, b))];
            string range = string.Create(
                CultureInfo.InvariantCulture, $"samples of {type} with values of {values.Min()} to {values.Max()}");
            Assert.Contains(range, e.Message, StringComparison.Ordinal);
            return;
        }

        using RgbImage image = Decoder.Decode(file, CancellationToken.None);

        float[][] planes = [.. Enumerable.Range(0, Bands).Select(b => Expected(type, b))];
        IEnumerable<byte> expected = from i in Enumerable.Range(0, Width * Height)
                                     from plane in planes
                                     select (byte)((plane[i] * 255 / white.Value) + 0.5);
        Assert.Equal(expected, image.Pixels.ToArray());
    }

    [Theory, MemberData(nameof(Files))]
    public void Decode_CutFile_IsRefused(string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Folder, name));
        for (int length = 16; length < file.Length; length += 1 + (file.Length / 40))
        {
            try
            {
                // GDAL writes the directory first, and may write parts in any order: what is left may be whole.
                Decoder.Decode(file.AsMemory(0, length).ToArray(), CancellationToken.None).Dispose();
            }
            catch (SegmentationException e)
            {
                Assert.True(e.Error == SegmentationError.UndecodableImage || e.Error == SegmentationError.UnsupportedMediaType, e.Message);
            }
        }
    }

    [Fact]
    public void Open_MoreTilesThanAFileCanList_IsRefused()
    {
        // Five planes of 2³¹ × 2³¹ tiles of one pixel: numbers of tiles beyond 64 bits.
        (ushort Tag, int Value)[] tags =
        [
            (256, int.MaxValue), (257, int.MaxValue), (258, 8), (259, 1), (262, 1), (277, 5), (284, 2), (322, 1), (323, 1), (324, 8),
            (325, 1),
        ];
        byte[] file =
        [
            .. "II*\0"u8, 8, 0, 0, 0, (byte)tags.Length, 0,
            .. tags.SelectMany(tag => (byte[])[.. BitConverter.GetBytes(tag.Tag), 4, 0, 1, 0, 0, 0, .. BitConverter.GetBytes(tag.Value)]),
            0, 0, 0, 0,
        ];

        SegmentationException e = Assert.Throws<SegmentationException>(() =>
            Decoder.Open(file, ImageWindow.Pixels(int.MaxValue - 3, int.MaxValue - 3, 2, 2)).Dispose());

        Assert.Equal(SegmentationError.UndecodableImage, e.Error);
        Assert.Contains("more of them than a file can list", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Decode_DamagedZstandard_IsRefused(int from)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Folder, "uint8-zstd1-strips-chunky-tiff-ii.tif"));
        (long at, long length) = new TiffDirectory(file).Part(1);
        file.AsSpan((int)at, (int)length)[from..].Fill(0x55);

        SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Decode(file, CancellationToken.None));

        Assert.Equal(SegmentationError.UndecodableImage, e.Error);
    }

    [Fact]
    public void Decode_ColorProfileThatIsNotApplied_IsRefused()
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Folder, "uint8-zstd1-strips-chunky-tiff-ii.tif"));
        int format = file.AsSpan().LastIndexOf<byte>([0x53, 0x01, 3, 0]); // 339, which says what is assumed without it
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(format), 34675);

        SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Decode(file, CancellationToken.None));

        Assert.Contains("colour profile", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_DeflateWithADictionary_IsRefused()
    {
        byte[] file = File.ReadAllBytes(Directory.EnumerateFiles(Folder, "uint12-deflate*").First());
        (long at, _) = new TiffDirectory(file).Parts().First();
        Assert.Equal(0x78, file[at]);
        file[at + 1] = 0xBB; // a header of zlib that names a dictionary

        Assert.Contains("damaged", Refusal(file, SegmentationError.UndecodableImage), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 3, "3 bands of uint8")]
    [InlineData(1, 2, "2 bands of uint8")]
    [InlineData(0, 4, "4 bands of uint8")]
    public void Decode_BandsWithoutColors_AsksWhichTheyAre(int photometric, int samples, string expected)
    {
        byte[] file = new TiffFields { Photometric = photometric, Samples = samples }.Encode();

        Assert.Contains(expected, Refusal(file, SegmentationError.UndecodableImage), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(50706, 4, "DNG")]
    [InlineData(254, 1, "reduced image")]
    [InlineData(255, 2, "reduced image")]
    public void Decode_FirstImageIsNotTheImage_IsRefused(int tag, int value, string expected)
    {
        byte[] file = new TiffFields { Further = (tag, value) }.Encode();

        Assert.Contains(expected, Refusal(file, SegmentationError.UnsupportedMediaType), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(6, "YCbCr (6)")]
    [InlineData(32803, "colour filter array (32803)")]
    [InlineData(34892, "linear raw (34892)")]
    public void Decode_OtherColors_AreNamed(int photometric, string expected)
    {
        byte[] file = new TiffFields { Photometric = photometric, Samples = 3 }.Encode();

        Assert.Contains(expected, Refusal(file, SegmentationError.UnsupportedMediaType), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, null)]
    [InlineData(4, 0)]
    [InlineData(5, 0)]
    [InlineData(7, 0)]
    public void Decode_RgbAndFurtherBands_GivesRgb(int samples, int? extra)
    {
        byte[] plain = new TiffFields { Samples = 3 }.Encode();
        byte[] more = new TiffFields { Samples = samples, Extra = extra }.Encode();
        using RgbImage expected = Decoder.Decode(plain, CancellationToken.None);
        using RgbImage image = Decoder.Decode(more, CancellationToken.None);

        Assert.Equal(expected.Pixels.ToArray(), image.Pixels.ToArray());
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 4)]
    [InlineData(1, 5)]
    [InlineData(2, 5)]
    public void Decode_Alpha_IsLaidOnWhite(int extra, int samples)
    {
        TiffFields fields = new() { Samples = samples, Extra = extra };
        using RgbImage image = Decoder.Decode(fields.Encode(), CancellationToken.None);

        for (int i = 0; i < image.Size.Pixels; i++)
        {
            double color = TiffFields.Value(i, 0), alpha = TiffFields.Value(i, 3) / 255.0;
            double expected = Math.Min((extra == 1 ? color : color * alpha) + (255 * (1 - alpha)), 255);
            Assert.InRange(image.Pixels.Span[i * 3], expected - 1.5, expected + 1.5);
        }
    }

    [Theory]
    [InlineData(65535, true)]
    [InlineData(40000, true)]
    [InlineData(0, true)]
    [InlineData(4095, false)]
    [InlineData(10000, false)]
    public void Decode_Png16_IsReadOnlyWhereItsRangeIsKnown(int most, bool isRead)
    {
        ushort[] values = [.. Enumerable.Range(0, 64 * 3).Select(i => (ushort)(most * (i % 8) / 7))];
        using Image memory = Image.NewFromMemory(values, 8, 8, 3, Enums.BandFormat.Ushort);
        using Image picture = memory.Copy(interpretation: Enums.Interpretation.Rgb16);
        byte[] file = picture.PngsaveBuffer();
        if (!isRead)
        {
            string expected = string.Create(CultureInfo.InvariantCulture, $"samples of uint16 with values of 0 to {most}");
            Assert.Contains(expected, Refusal(file, SegmentationError.UndecodableImage), StringComparison.Ordinal);
            return;
        }

        using RgbImage image = Decoder.Decode(file, CancellationToken.None);

        for (int i = 0; i < values.Length; i++)
        {
            Assert.InRange(image.Pixels.Span[i], (values[i] / 257.0) - 1, (values[i] / 257.0) + 1);
        }
    }

    private static T[] Part<T>(T[] plane, PixelWindow window) =>
    [
        .. from y in Enumerable.Range(window.Y, window.Height)
           from x in Enumerable.Range(window.X, window.Width)
           select plane[(y * Width) + x],
    ];

    private static float[] Expected(string type, int band) =>
    [
        .. from y in Enumerable.Range(0, Height)
           from x in Enumerable.Range(0, Width)
           let value = ((7 * x) + (13 * y) + (50 * band)) % 200
           select type.StartsWith("int", StringComparison.Ordinal)
               ? value - 100f
               : type.StartsWith("float", StringComparison.Ordinal) ? value / 8f : value,
    ];

    private static string Refusal(byte[] file, SegmentationError error)
    {
        SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Decode(file, CancellationToken.None).Dispose());
        Assert.Equal(error, e.Error);
        return e.Message;
    }

    /// <summary>A TIFF of 8×8 pixels of 8 bits in one strip without compression.</summary>
    private sealed record TiffFields
    {
        private const int Side = 8;

        public int Photometric { get; init; } = 2;

        public int Samples { get; init; } = 3;

        /// <summary>What the first of the samples after the colours is; null leaves the tag out.</summary>
        public int? Extra { get; init; }

        public (int Tag, int Value)? Further { get; init; }

        public static byte Value(int pixel, int sample) => (byte)((pixel * 3) + (sample * 40));

        public byte[] Encode()
        {
            SortedDictionary<int, int> tags = new()
            {
                [256] = Side, [257] = Side, [258] = 8, [259] = 1, [262] = Photometric, [273] = 0, [277] = Samples, [278] = Side,
                [279] = Side * Side * Samples,
            };
            if (Extra is { } extra)
            {
                tags[338] = extra;
            }

            if (Further is { } further)
            {
                tags[further.Tag] = further.Value;
            }

            using MemoryStream file = new();
            using BinaryWriter writer = new(file);
            writer.Write("II*\0"u8);
            writer.Write(8);
            writer.Write((ushort)tags.Count);
            tags[273] = 8 + 2 + (12 * tags.Count) + 4;
            foreach ((int tag, int value) in tags)
            {
                writer.Write((ushort)tag);
                writer.Write((ushort)4);
                writer.Write(1);
                writer.Write(value);
            }

            writer.Write(0);
            for (int i = 0; i < Side * Side * Samples; i++)
            {
                writer.Write(Value(i / Samples, i % Samples));
            }

            return file.ToArray();
        }
    }
}
