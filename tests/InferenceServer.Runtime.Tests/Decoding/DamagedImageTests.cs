using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>What is cut or overwritten is an error or changes nothing, and the error speaks of this file alone.</summary>
public sealed class DamagedImageTests
{
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));
    private static readonly Dictionary<string, byte[]> Files = Encode();

    public static TheoryData<string> Names => [.. Files.Keys];

    /// <summary>Kinds in which overwritten data cannot pass for other data.</summary>
    /// <remarks>
    /// Missing are JPEG, WebP, and TIFF without a checksum: their codes have no redundancy, or little. Junk in them may be another
    /// image to every reader.
    /// </remarks>
    public static TheoryData<string> Redundant =>
    [
        "png", "png interlaced", "png palette", "gif", "gif interlaced", "avif", "tiff lzw", "tiff lzw tiles", "tiff deflate",
        "tiff deflate tiles", "tiff uint16", "tiff float",
    ];

    [Theory, MemberData(nameof(Names))]
    public void Decode_CutFile_IsAnErrorOrTheSameImage(string name)
    {
        byte[] file = Files[name];
        for (int percent = 1; percent < 100; percent++)
        {
            AssertErrorOrSame(name, file[..Math.Max(16, file.Length * percent / 100)], $"cut at {percent} %");
        }
    }

    [Theory, MemberData(nameof(Redundant))]
    public void Decode_JunkInTheData_IsAnErrorOrTheSameImage(string name)
    {
        const int Junk = 400;
        for (int percent = 5; percent < 95; percent++)
        {
            byte[] file = [.. Files[name]];
            file.AsSpan(Math.Min(file.Length * percent / 100, file.Length - Junk), Junk).Fill(0xFF);
            AssertErrorOrSame(name, file, $"junk at {percent} %");
        }
    }

    // As a download leaves them that lost a part in the middle.
    [Theory]
    [InlineData("png")]
    [InlineData("png interlaced")]
    [InlineData("gif")]
    [InlineData("gif interlaced")]
    [InlineData("avif")]
    [InlineData("jpeg")]
    [InlineData("tiff lzw")]
    [InlineData("tiff lzw tiles")]
    [InlineData("tiff deflate")]
    [InlineData("tiff deflate tiles")]
    [InlineData("tiff uint16")]
    [InlineData("tiff float")]
    public void Decode_HoleOfZeros_IsAnErrorOrTheSameImage(string name)
    {
        const int Hole = 4096;
        for (int percent = 2; percent < 98; percent += 3)
        {
            byte[] file = [.. Files[name]];
            int at = file.Length * percent / 100;
            file.AsSpan(at, Math.Min(Hole, file.Length - at)).Clear();
            AssertErrorOrSame(name, file, $"a hole at {percent} %");
        }
    }

    // libtiff stops at the last pixel, before the checksum.
    [Theory]
    [InlineData("tiff deflate")]
    [InlineData("tiff deflate tiles")]
    [InlineData("tiff deflate palette")]
    [InlineData("tiff uint16")]
    [InlineData("tiff float")]
    [InlineData("png")]
    public void Decode_OneBitOfADatumWithAChecksum_IsAnErrorOrTheSameImage(string name)
    {
        Random random = new(5);
        for (int i = 0; i < 100; i++)
        {
            byte[] file = [.. Files[name]];
            file[random.Next(file.Length / 10, file.Length * 9 / 10)] ^= (byte)(1 << random.Next(8));
            AssertErrorOrSame(name, file, $"bit {i}");
        }
    }

    [Fact]
    public void Decode_WindowOfADamagedTiff_IsAnErrorOnlyOverTheDamage()
    {
        byte[] good = Files["tiff deflate tiles"], file = [.. good];
        TiffDirectory directory = new(file);
        (long at, long length) = directory.Part(0);
        file[at + (length / 2)] ^= 1;

        Assert.Equal(Window(good, new PixelWindow(64, 64, 80, 70)), Window(file, new PixelWindow(64, 64, 80, 70)));
        Assert.Throws<SegmentationException>(() => Window(file, new PixelWindow(60, 60, 80, 70)));
    }

    [Fact]
    public void Decode_TileThatHasAPlaceAndNoLength_IsNotTakenForOneThatWasLeftOut()
    {
        byte[] file = [.. Files["tiff deflate tiles"]];
        // The lengths are a field of 4-byte numbers.
        int entry = 2 + BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(4));
        while (BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(entry)) != 325)
        {
            entry += 12;
        }

        int size = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(entry + 2)) == 3 ? 2 : 4;
        file.AsSpan(BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(entry + 8)) + size, size).Clear();

        Assert.NotNull(Attempt(file).Error);
    }

    // What many cameras and servers do.
    [Theory]
    [InlineData("before the end")]
    [InlineData("after the end")]
    [InlineData("in the header")]
    public void Decode_JpegWithStrayBytes_IsTheImage(string place)
    {
        foreach (string name in (string[])["jpeg", "jpeg progressive"])
        {
            byte[] file = Files[name];
            int first = 4 + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(4));
            byte[] stray = place switch
            {
                "before the end" => [.. file[..^2], 0, 0, 0, .. file[^2..]],
                "after the end" => [.. file, .. new byte[100]],
                _ => [.. file[..first], 0, 0, .. file[first..]],
            };

            Assert.Equal(Attempt(file).Pixels, Attempt(stray).Pixels);
        }
    }

    [Fact]
    public void Decode_DamagedAndGoodImagesAtOnce_EachErrorIsAboutItsOwnImage()
    {
        // Alone first: a message that depends on nothing but its own file is the same among a thousand others.
        (string Name, byte[] File, string? Alone)[] images =
        [
            .. from file in Files
               from tenth in Enumerable.Range(1, 10)
               let bytes = file.Value[..(file.Value.Length * tenth / 10)]
               select (file.Key, bytes, Attempt(bytes).Error),
        ];
        Assert.Equal(Files.Count, images.Count(image => image.Alone is null));
        ConcurrentBag<string> wrong = [];

        Parallel.For(0, images.Length * 10, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
        {
            (string name, byte[] file, string? alone) = images[i % images.Length];
            if (Attempt(file).Error is var error && error != alone)
            {
                wrong.Add($"{name}: '{alone}' alone, '{error}' among others");
            }
        });

        Assert.Empty(wrong);
        string[] types = ["avif", "gif", "jpeg", "png", "tiff", "webp"];
        Assert.All(
            images.Where(image => image.Alone is not null),
            image =>
                Assert.Equal(
                    [image.Name.Split(' ')[0]],
                    types.Where(type => image.Alone!.Contains(type, StringComparison.OrdinalIgnoreCase))));
    }

    private static void AssertErrorOrSame(string name, byte[] file, string how)
    {
        (byte[]? pixels, string? error) = Attempt(file);
        bool same = pixels.AsSpan().SequenceEqual(Attempt(Files[name]).Pixels);
        Assert.True(error is not null || same, $"{name}, {how}: another image, and no error.");
    }

    private static (byte[]? Pixels, string? Error) Attempt(byte[] file)
    {
        try
        {
            using EncodedImage opened = Decoder.Open(file);
            if (opened.Type is not "uint8")
            {
                return (Bands(opened), null);
            }

            using RgbImage image = Decoder.Decode(file, CancellationToken.None);
            return (image.Pixels.ToArray(), null);
        }
        catch (SegmentationException e) when (
            e.Error == SegmentationError.UndecodableImage || e.Error == SegmentationError.UnsupportedMediaType)
        {
            return (null, e.Message);
        }
    }

    private static byte[] Bands(EncodedImage image)
    {
        float[][] planes = [.. Enumerable.Range(0, image.Bands).Select(_ => new float[image.BandSize.Pixels])];
        image.ReadBands(
            [.. Enumerable.Range(0, image.Bands)], [.. planes.Select(plane => (Memory<float>)plane)], 0, image.BandSize.Height,
            CancellationToken.None);
        return [.. planes.SelectMany(plane => MemoryMarshal.AsBytes(plane.AsSpan()).ToArray())];
    }

    // A palette is what this server's own reader does not read.
    private static byte[] Palette(Image image)
    {
        using Image indices = image.ExtractBand(1);
        byte[] file = indices.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Deflate);
        int directory = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(4)), count = file[directory];
        byte[] colors = new byte[3 * 256 * 2];
        new Random(1).NextBytes(colors);
        // The directory moves to the end, with one more field.
        List<byte[]> fields = [.. Enumerable.Range(0, count).Select(i => file.AsSpan(directory + 2 + (12 * i), 12).ToArray())];
        fields.Single(field => BinaryPrimitives.ReadUInt16LittleEndian(field) == 262)[8] = 3;
        byte[] map = new byte[12];
        BinaryPrimitives.WriteUInt16LittleEndian(map, 320);
        BinaryPrimitives.WriteUInt16LittleEndian(map.AsSpan(2), 3);
        BinaryPrimitives.WriteInt32LittleEndian(map.AsSpan(4), 3 * 256);
        BinaryPrimitives.WriteInt32LittleEndian(map.AsSpan(8), file.Length);
        fields.Add(map);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length + colors.Length);
        return
        [
            .. file, .. colors, (byte)fields.Count, 0,
            .. fields.OrderBy(field => BinaryPrimitives.ReadUInt16LittleEndian(field)).SelectMany(field => field), 0, 0, 0, 0,
        ];
    }

    private static byte[] Window(byte[] file, PixelWindow window)
    {
        using EncodedImage image = Decoder.Open(file);
        image.Narrow(window);
        byte[] pixels = new byte[window.Size.Pixels * 3];
        image.Decode(pixels, CancellationToken.None);
        return pixels;
    }

    private static Dictionary<string, byte[]> Encode()
    {
        using Image street = Image.NewFromBuffer(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "assets", "street.jpg")));
        using Image photo = street.Crop(0, 0, 240, 180);
        using Image image = photo.CopyMemory();
        Dictionary<string, byte[]> files = new()
        {
            ["jpeg"] = image.JpegsaveBuffer(q: 90),
            ["jpeg progressive"] = image.JpegsaveBuffer(q: 90, interlace: true),
            ["png"] = image.PngsaveBuffer(),
            ["png interlaced"] = image.PngsaveBuffer(interlace: true),
            ["png palette"] = image.PngsaveBuffer(palette: true),
            ["webp"] = image.WebpsaveBuffer(q: 80),
            ["webp lossless"] = image.WebpsaveBuffer(lossless: true),
            ["gif"] = image.GifsaveBuffer(),
            ["gif interlaced"] = image.GifsaveBuffer(interlace: true),
            ["tiff deflate palette"] = Palette(image),
            ["tiff uint16"] = (image * 257).Cast(Enums.BandFormat.Ushort).TiffsaveBuffer(
                compression: Enums.ForeignTiffCompression.Deflate),
            ["tiff float"] = (image / 255).Cast(Enums.BandFormat.Float).TiffsaveBuffer(
                compression: Enums.ForeignTiffCompression.Deflate, predictor: Enums.ForeignTiffPredictor.Float),
            ["avif"] = image.HeifsaveBuffer(compression: Enums.ForeignHeifCompression.Av1),
        };
        foreach (Enums.ForeignTiffCompression compression in new[]
        {
            Enums.ForeignTiffCompression.None, Enums.ForeignTiffCompression.Lzw, Enums.ForeignTiffCompression.Deflate,
            Enums.ForeignTiffCompression.Packbits, Enums.ForeignTiffCompression.Jpeg, Enums.ForeignTiffCompression.Webp,
        })
        {
            string name = compression.ToString().ToLowerInvariant();
            files["tiff " + name] = image.TiffsaveBuffer(compression: compression);
            files[$"tiff {name} tiles"] = image.TiffsaveBuffer(compression: compression, tile: true, tileWidth: 64, tileHeight: 64);
        }

        return files;
    }
}
