using System.Collections.Concurrent;
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
    /// Missing are JPEG, WebP, and TIFF that is not packed by LZW: their codes have no redundancy, or libtiff does not look at it.
    /// Junk in them is another image to every reader.
    /// </remarks>
    public static TheoryData<string> Redundant => ["png", "png interlaced", "png palette", "gif", "avif", "tiff lzw", "tiff lzw tiles"];

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
            using RgbImage image = Decoder.Decode(file, CancellationToken.None);
            return (image.Pixels.ToArray(), null);
        }
        catch (SegmentationException e) when (
            e.Error == SegmentationError.UndecodableImage || e.Error == SegmentationError.UnsupportedMediaType)
        {
            return (null, e.Message);
        }
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
