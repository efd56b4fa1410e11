using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Xml.Linq;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using NetVips;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>GeoTIFF and its cloud-optimised form, read back by a reader of their own, by libvips, and by GDAL where
/// that is installed.</summary>
public sealed class GeoTiffTests
{
    public static TheoryData<string> Files =>
        ["utm", "utm-point", "mercator-rotated", "mercator-rotated-point", "wgs84", "lambert", "own-crs", "no-crs", "gcps"];

    public static TheoryData<int, int, int, bool> Masks => new()
    {
        { 1, 1, 3, false },
        { 48, 32, 3, true },
        { 256, 256, 3, false },
        { 257, 10, 3, true },
        { 513, 512, 3, false },
        { 1100, 701, 3, true },
        { 5, 1300, 256, false },
        { 48, 32, 300, false },
        { 1025, 1030, 300, true },
    };

    [Theory]
    [MemberData(nameof(Masks))]
    public void Encode_Mask_IsReadBack(int width, int height, int classes, bool withConfidence)
    {
        MaskContent content = Content(new ImageSize(width, height), classes);

        WrittenTiff tiff = WrittenTiff.Read(Encode(MaskFormat.GeoTiff, content, withConfidence));

        WrittenTiff.Directory image = Assert.Single(tiff.Directories);
        Assert.False(tiff.IsBig);
        Assert.Equal((width, height), (image.Width, image.Height));
        Assert.Equal(Math.Max(width, height) > 256 ? 512 : 256, image.Side);
        Assert.Equal(Labels(content), image.Band(0));
        Assert.Equal(withConfidence ? 2 : 1, image.Numbers(277)[0]);
        if (withConfidence)
        {
            int nodata = content.Classes.Ignore;
            Assert.Equal(content.Confidence.ToArray().Select(c => c == nodata ? c - 1 : c), image.Band(1));
        }
    }

    [Theory]
    [MemberData(nameof(Masks))]
    public void Encode_Mask_IsWhatLibtiffReads(int width, int height, int classes, bool withConfidence)
    {
        MaskContent content = Content(new ImageSize(width, height), classes);

        using Image image = Image.NewFromBuffer(Encode(MaskFormat.Cog, content, withConfidence), kwargs: new VOption { { "n", 1 } });

        Assert.Equal((width, height), (image.Width, image.Height));
        // A palette becomes colours, so that only masks without one have their labels.
        if (withConfidence || classes > 256)
        {
            using Image band = image[0].Cast(Enums.BandFormat.Ushort);
            Assert.Equal(Labels(content).Select(l => (ushort)l), band.WriteToMemory<ushort>());
        }
    }

    // Of what GDAL's validate_cloud_optimized_geotiff checks, all that concerns a file without a ghost area.
    [Theory]
    [MemberData(nameof(Masks))]
    public void Cog_Layout_IsThatOfTheSpecification(int width, int height, int classes, bool withConfidence)
    {
        MaskContent content = Content(new ImageSize(width, height), classes);

        WrittenTiff tiff = WrittenTiff.Read(Encode(MaskFormat.Cog, content, withConfidence));

        Assert.Equal(8, tiff.Directories[0].At);
        Assert.Equal(tiff.Directories.OrderBy(d => d.At), tiff.Directories);
        long head = tiff.Directories.Max(d => d.End);
        long[][] offsets = [.. tiff.Directories.Select(d => d.Numbers(324))];
        Assert.All(offsets, tiles => Assert.All(tiles, at => Assert.True(at >= head)));
        Assert.All(offsets, tiles => Assert.Equal(tiles.Order(), tiles));
        Assert.All(offsets.Zip(offsets.Skip(1)), pair => Assert.True(pair.First[0] > pair.Second[^1]));
        WrittenTiff.Directory last = tiff.Directories[^1];
        Assert.InRange(Math.Max(last.Width, last.Height), 1, 512);
        int[] labels = Labels(content);
        ImageSize size = content.Size;
        foreach (WrittenTiff.Directory overview in tiff.Directories.Skip(1))
        {
            (labels, size) = Majority(labels, size);
            Assert.Equal((size.Width, size.Height), (overview.Width, overview.Height));
            Assert.Equal(1, overview.Numbers(254)[0]);
            Assert.Equal(labels, overview.Band(0));
            Assert.Equal(tiff.Directories[0].Has(320), overview.Has(320));
        }

        Assert.False(tiff.Directories[0].Has(254));
    }

    [Fact]
    public void Cog_Confidence_IsTheMeanOfFour()
    {
        MaskContent content = Content(new ImageSize(1024, 2), 3);

        WrittenTiff tiff = WrittenTiff.Read(Encode(MaskFormat.Cog, content, withConfidence: true));

        byte[] of = content.Confidence.ToArray();
        int[] expected =
        [
            .. from left in Enumerable.Range(0, 512).Select(x => 2 * x)
               select (of[left] + of[left + 1] + of[1024 + left] + of[1025 + left] + 2) / 4,
        ];
        Assert.Equal(expected, tiff.Directories[1].Band(1));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Encode_Georeference_IsUnchanged(string name)
    {
        GeoTags geo = Georeference(name)!;

        byte[] file = Encode(MaskFormat.GeoTiff, Content(new ImageSize(48, 32), 3) with { Geo = geo });
        GeoTags written = GeoTags.Read(new TiffDirectory(file))!;

        Assert.Equal(geo.PixelScale, written.PixelScale);
        Assert.Equal(geo.Tiepoints, written.Tiepoints);
        Assert.Equal(geo.Transformation, written.Transformation);
        Assert.Equal(geo.KeyDirectory, written.KeyDirectory);
        Assert.Equal(geo.DoubleParams, written.DoubleParams);
        Assert.Equal(geo.AsciiParams, written.AsciiParams);
        Assert.Equal("255", written.Nodata);
    }

    [Theory]
    [InlineData("utm")]
    [InlineData("utm-point")]
    [InlineData(null)]
    public void Encode_GeotransformOfTheRequest_ReplacesTheFiles(string? file)
    {
        GeoTags? geo = file is null ? null : Georeference(file);
        MaskContent content = Content(new ImageSize(48, 32), 3) with { Geo = geo };
        double[] numbers = [1000, 8, 3, 2000, 2, -9];

        FormatSettings options = new() { Geotransform = Geotransform.FromGdal(numbers) };
        GeoTags written = GeoTags.Read(new TiffDirectory(Encode(MaskFormat.Cog, content, options: options)))!;

        Assert.Equal(numbers, written.Affine!);
        Assert.Equal(geo?.Epsg, written.Epsg);
    }

    [Fact]
    public void Encode_PaletteAndNames_AreTheClasses()
    {
        MaskContent content = Content(new ImageSize(48, 32), 2) with
        {
            Model = "land & sea",
            Classes = ClassTable.Create(new ClassesManifest
            {
                Names = ["a < b", "ü\u0001"], Palette = ["#010203", "#fffefd"], Ignore = 7,
            }),
        };

        WrittenTiff.Directory image = WrittenTiff.Read(Encode(MaskFormat.GeoTiff, content)).Directories[0];

        long[] map = image.Numbers(320);
        Assert.Equal([257, 65535], map[..2]);
        Assert.Equal([2 * 257, 254 * 257], map[256..258]);
        Assert.Equal([3 * 257, 253 * 257], map[512..514]);
        Assert.Equal("7", image.Text(42113));
        XElement[] items = [.. XElement.Parse(image.Text(42112)).Elements()];
        Assert.Equal(["land & sea", "3", "a < b", "ü", "class"], items.Select(item => item.Value));
        Assert.Equal(
            ["MODEL", "MODEL_VERSION", "CLASS_0", "CLASS_1", "DESCRIPTION"], items.Select(item => (string?)item.Attribute("name")));
    }

    [Theory]
    [InlineData(0, new[] { 1, 1, 254, 255 })]
    [InlineData(255, new[] { 0, 1, 254, 254 })]
    [InlineData(1, new[] { 0, 0, 254, 255 })]
    public void Encode_ConfidenceOfTheNodataNumber_TakesItsNeighbour(int ignore, int[] expected)
    {
        MaskContent content = Content(new ImageSize(4, 1), 3) with { Confidence = new byte[] { 0, 1, 254, 255 } };
        content = content with
        {
            Classes = ClassTable.Create(new ClassesManifest { Names = ["a", "b"], Palette = ["voc"], Ignore = ignore }),
        };

        WrittenTiff.Directory image = WrittenTiff.Read(Encode(MaskFormat.GeoTiff, content, withConfidence: true)).Directories[0];

        Assert.Equal(expected, image.Band(1));
        Assert.False(image.Has(320));
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(300, false)]
    public void Encode_NoPalette_HasTheColorsInTheMetadata(int classes, bool withConfidence)
    {
        MaskContent content = Content(new ImageSize(4, 1), classes) with { Confidence = new byte[4] };

        WrittenTiff.Directory image = WrittenTiff.Read(Encode(MaskFormat.GeoTiff, content, withConfidence)).Directories[0];

        Dictionary<string, string> items = XElement.Parse(image.Text(42112)).Elements()
            .GroupBy(item => (string)item.Attribute("name")!).ToDictionary(item => item.Key, item => item.First().Value);
        Assert.False(image.Has(320));
        Assert.All(
            Enumerable.Range(0, classes), index => Assert.Equal(content.Classes.Color(index), items[$"COLOR_{index}"]));
    }

    // Just on the Earth, as far as the formulas are concerned, and beyond.
    [Theory]
    [InlineData("utm", 800_000, true)]
    [InlineData("utm", 900_000, false)]
    [InlineData("utm-point", 1e12, false)]
    [InlineData("mercator-rotated", 800_000, true)]
    [InlineData("mercator-rotated", 1e12, false)]
    [InlineData("wgs84", 1e12, false)]
    public void GeoJson_PixelsOfAnySize_HaveFiniteCoordinatesOrARefusal(string name, double pixel, bool isOnEarth)
    {
        GeoTags geo = Georeference(name)!.WithAffine([0, pixel, 0, 0, 0, -pixel]);
        MaskContent content = Content(new ImageSize(48, 32), 3) with { Geo = geo };

        if (isOnEarth)
        {
            using JsonDocument json = JsonDocument.Parse(Encode(MaskFormat.GeoJson, content));
            Assert.Equal(3, json.RootElement.GetProperty("features").GetArrayLength());
        }
        else
        {
            SegmentationException e = Assert.Throws<SegmentationException>(() => Encode(MaskFormat.GeoJson, content));
            Assert.Equal(SegmentationError.NotAcceptable, e.Error);
        }
    }

    [Fact]
    public void Encode_256Classes_HasNoNodata()
    {
        WrittenTiff.Directory image = WrittenTiff.Read(Encode(MaskFormat.GeoTiff, Content(new ImageSize(4, 4), 256))).Directories[0];

        Assert.False(image.Has(42113));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Write_Big_HoldsTheSame(bool big)
    {
        ImageSize size = new(700, 520);
        byte[] samples = new byte[size.Pixels];
        new Random(2).NextBytes(samples);
        using TiledImage image = new(size, 512);
        image.AddTiles<byte>(samples, []);
        image.Tags[258] = TiffValue.Shorts([8]);
        image.Tags[262] = TiffValue.Shorts([1]);
        image.Tags[277] = TiffValue.Shorts([1]);
        ArrayBufferWriter<byte> output = new();

        TiffWriter.Write([image], output, big);

        WrittenTiff tiff = WrittenTiff.Read(output.WrittenSpan.ToArray());
        Assert.Equal(big, tiff.IsBig);
        Assert.Equal(samples.Select(s => (int)s), tiff.Directories[0].Band(0));
        using Image read = Image.NewFromBuffer(output.WrittenSpan.ToArray());
        Assert.Equal(samples, read.WriteToMemory<byte>());
    }

    [GdalTheory]
    [InlineData("utm")]
    [InlineData("utm-point")]
    [InlineData("mercator-rotated-point")]
    [InlineData("wgs84")]
    public void Encode_Georeference_IsWhatGdalSays(string name)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".tif");
        MaskContent content = Content(new ImageSize(1200, 900), 3) with { Geo = Georeference(name) };
        File.WriteAllBytes(path, Encode(MaskFormat.Cog, content));
        try
        {
            using JsonDocument said = JsonDocument.Parse(GdalTheoryAttribute.Run("gdalinfo", "-json", path));
            using JsonDocument golden = JsonDocument.Parse(Assets.Geo("gdal.json"));

            JsonElement root = said.RootElement;
            Assert.Equal(
                golden.RootElement.GetProperty(name).GetProperty("transform").ToString().Split(',').Select(Number),
                root.GetProperty("geoTransform").ToString().Split(',').Select(Number));
            JsonElement band = root.GetProperty("bands")[0];
            Assert.Equal("Palette", band.GetProperty("colorInterpretation").GetString());
            Assert.Equal(255, band.GetProperty("noDataValue").GetDouble());
            Assert.Equal(2, band.GetProperty("overviews").GetArrayLength());
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static double Number(string text) => double.Parse(text.Trim(' ', '\n', '[', ']'), CultureInfo.InvariantCulture);

    private static GeoTags? Georeference(string name) => GeoTags.Read(new TiffDirectory(Assets.Geo(name + ".tif")));

    // The specification of the overviews, pixel by pixel.
    private static (int[] Labels, ImageSize Size) Majority(int[] labels, ImageSize size)
    {
        ImageSize half = new((size.Width + 1) / 2, (size.Height + 1) / 2);
        int[] halved = new int[half.Pixels];
        for (int i = 0; i < halved.Length; i++)
        {
            int left = 2 * (i % half.Width), top = 2 * (i / half.Width);
            int right = Math.Min(left + 1, size.Width - 1), bottom = Math.Min(top + 1, size.Height - 1);
            int[] four =
            [
                labels[(top * size.Width) + left], labels[(top * size.Width) + right], labels[(bottom * size.Width) + left],
                labels[(bottom * size.Width) + right],
            ];
            halved[i] = four.GroupBy(l => l).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).First().Key;
        }

        return (halved, half);
    }

    private static int[] Labels(MaskContent content) =>
        content.WideLabels.IsEmpty
            ? [.. content.Labels.ToArray().Select(l => (int)l)]
            : [.. content.WideLabels.ToArray().Select(l => (int)l)];

    private static byte[] Encode(MaskFormat format, MaskContent content, bool withConfidence = false, FormatSettings? options = null)
    {
        ArrayBufferWriter<byte> output = new();
        format.Encoder.Encode(content, options ?? new FormatSettings { Confidence = withConfidence }, output);
        return output.WrittenSpan.ToArray();
    }

    private static MaskContent Content(ImageSize size, int classes)
    {
        Random random = new(3);
        byte[] labels = [], confidence = new byte[size.Pixels];
        ushort[] wide = [];
        random.NextBytes(confidence);
        if (classes > 256)
        {
            wide = [.. Enumerable.Range(0, (int)size.Pixels).Select(_ => (ushort)random.Next(classes))];
        }
        else
        {
            labels = [.. Enumerable.Range(0, (int)size.Pixels).Select(_ => (byte)random.Next(classes))];
        }

        string[] names = [.. Enumerable.Range(0, classes).Select(i => $"class {i}")];
        return new MaskContent
        {
            Model = "roads",
            Version = 3,
            Classes = ClassTable.Create(new ClassesManifest { Names = names, Palette = ["voc"] }),
            Channels = classes,
            Size = size,
            Labels = labels,
            WideLabels = wide,
            Planes = [new LabelPlane(labels)],
            Confidence = confidence,
            Probabilities = default,
            Image = default,
        };
    }
}

/// <summary>A test that needs GDAL's programs, and says so where they are not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GdalTheoryAttribute : TheoryAttribute
{
    public GdalTheoryAttribute([CallerMemberName] string test = "")
    {
        if (!File.Exists("/usr/bin/gdalinfo"))
        {
            Skip = "GDAL is not installed; apt-get install gdal-bin";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    internal static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
