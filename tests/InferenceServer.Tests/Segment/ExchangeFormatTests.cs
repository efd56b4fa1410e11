using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Tests.Segment;

/// <summary>Formats that other tools read, each read back to the pixels of the mask.</summary>
[Collection(SharedServer.Name)]
public sealed class ExchangeFormatTests(SegmentationServer server)
{
    [Theory]
    [InlineData("compressed")]
    [InlineData("uncompressed")]
    public async Task CocoRle_Decoded_IsTheMask(string counts)
    {
        JsonElement coco = await JsonAsync($"coco-rle&counts={counts}");

        Assert.Equal(
            ["red", "green", "blue"],
            coco.GetProperty("categories").EnumerateArray().Select(c => c.GetProperty("name").GetString()));
        byte[] decoded = new byte[Photo.Labels.Length];
        foreach (JsonElement annotation in coco.GetProperty("annotations").EnumerateArray())
        {
            JsonElement rle = annotation.GetProperty("segmentation");
            Assert.Equal([Photo.Height, Photo.Width], rle.GetProperty("size").EnumerateArray().Select(n => n.GetInt32()));
            JsonElement runs = rle.GetProperty("counts");
            int[] lengths = runs.ValueKind == JsonValueKind.String
                ? Decompress(runs.GetString()!)
                : [.. runs.EnumerateArray().Select(n => n.GetInt32())];
            Assert.Equal(annotation.GetProperty("area").GetInt32(), lengths.Where((_, i) => i % 2 == 1).Sum());
            int at = 0;
            for (int i = 0; i < lengths.Length; at += lengths[i++])
            {
                for (int j = at; i % 2 == 1 && j < at + lengths[i]; j++)
                {
                    decoded[(j % Photo.Height * Photo.Width) + (j / Photo.Height)] = (byte)annotation.GetProperty("category_id").GetInt32();
                }
            }
        }

        Assert.Equal(Photo.Labels, decoded);
    }

    [Fact]
    public async Task Polygons_Filled_AreTheMask()
    {
        JsonElement answer = await JsonAsync("polygons");

        byte[] filled = new byte[Photo.Labels.Length];
        foreach (JsonElement of in answer.GetProperty("classes").EnumerateArray())
        {
            Fill(filled, of.GetProperty("polygons"), (byte)of.GetProperty("index").GetInt32(), (x, y) => (x, y));
        }

        Assert.Equal(Photo.Labels, filled);
    }

    [Theory]
    [InlineData("")]
    [InlineData("&geotransform=440720,60,0,3751320,0,-60")]
    [InlineData("&worldfile=60,0,0,-60,440750,3751290")]
    public async Task GeoJson_MappedBackAndFilled_IsTheMask(string transform)
    {
        JsonElement answer = await JsonAsync("geojson" + transform);

        Assert.Equal("FeatureCollection", answer.GetProperty("type").GetString());
        byte[] filled = new byte[Photo.Labels.Length];
        foreach (JsonElement feature in answer.GetProperty("features").EnumerateArray())
        {
            JsonElement polygons = feature.GetProperty("geometry").GetProperty("coordinates");
            Assert.All(polygons.EnumerateArray(), p => Assert.True(IsCounterclockwiseAndClosed(p[0])));
            Fill(
                filled, polygons, (byte)feature.GetProperty("id").GetInt32(),
                (x, y) => transform.Length == 0 ? (x, y) : ((x - 440720) / 60, (y - 3751320) / -60));
        }

        Assert.Equal(Photo.Labels, filled);
    }

    [Fact]
    public async Task Masks_Unpacked_AreTheMask()
    {
        using ZipArchive zip = new(new MemoryStream(await GetAsync("masks")));

        Assert.Equal(["classes.json", "000-red.png", "001-green.png", "002-blue.png"], zip.Entries.Select(e => e.FullName));
        byte[] merged = new byte[Photo.Labels.Length];
        foreach (ZipArchiveEntry entry in zip.Entries.Skip(1))
        {
            PngImage png = PngImage.Read(Read(entry));
            Assert.Equal((Photo.Width, Photo.Height, PngImage.Grey), (png.Width, png.Height, png.ColorType));
            byte label = byte.Parse(entry.Name.AsSpan(0, 3), CultureInfo.InvariantCulture);
            Assert.Equal(Photo.Labels.Select(l => (byte)(l == label ? 255 : 0)), png.Samples);
            for (int i = 0; i < merged.Length; i++)
            {
                merged[i] = png.Samples[i] == 255 ? label : merged[i];
            }
        }

        Assert.Equal(Photo.Labels, merged);
        Assert.Equal(3, JsonDocument.Parse(Read(zip.Entries[0])).RootElement.GetProperty("classes").GetArrayLength());
    }

    [Fact]
    public async Task Npy_Read_IsTheMask()
    {
        using MemoryStream file = new(await GetAsync("npy"));
        NpyHeader header = NpyHeader.Read(file);

        Assert.Equal("|u1", header.Type);
        Assert.Equal([Photo.Height, Photo.Width], header.Shape);
        Assert.Equal(Photo.Labels, file.ToArray()[(int)file.Position..]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("&flip=true")]
    public async Task NpyProbabilities_Largest_IsTheMask(string passes)
    {
        using MemoryStream file = new(await GetAsync("npy-probabilities" + passes));
        NpyHeader header = NpyHeader.Read(file);
        float[] p = MemoryMarshal.Cast<byte, float>(file.ToArray().AsSpan((int)file.Position)).ToArray();
        int pixels = Photo.Labels.Length;

        Assert.Equal(("<f4", 3), (header.Type, header.Shape[0]));
        Assert.Equal(Photo.Labels, Enumerable.Range(0, pixels).Select(i => (byte)Enumerable.Range(0, 3).MaxBy(c => p[(c * pixels) + i])));
        Assert.All(Enumerable.Range(0, pixels), i => Assert.Equal(1, p[i] + p[pixels + i] + p[(2 * pixels) + i], 4));
    }

    [Theory]
    [InlineData("coco-rle")]
    [InlineData("polygons")]
    [InlineData("geojson")]
    [InlineData("masks")]
    [InlineData("npy")]
    [InlineData("npy-probabilities")]
    public async Task Format_OnePixel_IsAnswered(string format)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            $"/v1/segment/tiny?format={format}&tolerance=5", Photo.Content(Photo.Plain(1, 1)));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("coco-rle&counts=some", "counts")]
    [InlineData("polygons&tolerance=-1", "tolerance")]
    [InlineData("polygons&tolerance=NaN", "tolerance")]
    [InlineData("geojson&geotransform=1,2,3", "geotransform")]
    [InlineData("geojson&geotransform=0,0,0,0,0,0", "geotransform")]
    [InlineData("geojson&geotransform=0,1,0,0,0,1&worldfile=1,0,0,1,0,0", "worldfile")]
    public async Task Parameter_OutOfRange_IsExplained(string format, string key)
    {
        using HttpResponseMessage response = await PostAsync(format);

        Assert.Contains(key, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NpyProbabilities_OfLabelsOrTooMany_AreExplained()
    {
        using HttpResponseMessage labels = await PostAsync("npy-probabilities", "tiny-labels");
        Assert.Contains("no confidence", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, labels), StringComparison.Ordinal);

        await using SegmentationServer small = await SegmentationServer.StartAsync(("Inference:MaxBytes", "1048576"));
        using HttpResponseMessage large = await small.Client.PostAsync(
            "/v1/segment/tiny?format=npy-probabilities", Photo.Content(Photo.Plain(400, 300)));
        Assert.Contains(
            "got 1,440,000", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, large),
            StringComparison.Ordinal);
    }

    private static byte[] Read(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using MemoryStream bytes = new();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    // The inverse of COCO's text, written from its description.
    private static int[] Decompress(string text)
    {
        List<int> lengths = [];
        for (int at = 0; at < text.Length;)
        {
            int value = 0, shift = 0, bits;
            do
            {
                bits = text[at++] - '0';
                value |= (bits & 31) << shift;
                shift += 5;
            }
            while ((bits & 32) != 0);

            value |= (bits & 16) != 0 ? -1 << shift : 0;
            lengths.Add(lengths.Count > 2 ? value + lengths[^2] : value);
        }

        return [.. lengths];
    }

    private static (double X, double Y)[] Ring(JsonElement ring) =>
        [.. ring.EnumerateArray().Select(p => (p[0].GetDouble(), p[1].GetDouble()))];

    private static bool IsCounterclockwiseAndClosed(JsonElement ring)
    {
        (double X, double Y)[] points = Ring(ring);
        return points[0] == points[^1] && points.Zip(points[1..]).Sum(s => (s.First.X * s.Second.Y) - (s.Second.X * s.First.Y)) > 0;
    }

    private static void Fill(byte[] labels, JsonElement polygons, byte label, Func<double, double, (double X, double Y)> toPixels)
    {
        ((double X, double Y) A, (double X, double Y) B)[] sides =
        [
            .. from polygon in polygons.EnumerateArray()
               from ring in polygon.EnumerateArray()
               let points = Ring(ring).Select(p => toPixels(p.X, p.Y)).ToArray()
               from i in Enumerable.Range(0, points.Length)
               select (points[i], points[(i + 1) % points.Length]),
        ];
        for (int i = 0; i < labels.Length; i++)
        {
            (double x, double y) = ((i % Photo.Width) + 0.5, (i / Photo.Width) + 0.5);
            bool isInside = sides.Count(s =>
                (s.A.Y > y) != (s.B.Y > y) && x < ((s.B.X - s.A.X) * (y - s.A.Y) / (s.B.Y - s.A.Y)) + s.A.X) % 2 == 1;
            labels[i] = isInside ? label : labels[i];
        }
    }

    private Task<HttpResponseMessage> PostAsync(string format, string model = "tiny") =>
        server.Client.PostAsync($"/v1/segment/{model}?format={format}", Photo.Content(Photo.Png));

    private async Task<JsonElement> JsonAsync(string format) => JsonDocument.Parse(await GetAsync(format)).RootElement;

    private async Task<byte[]> GetAsync(string format)
    {
        using HttpResponseMessage response = await PostAsync(format);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadAsByteArrayAsync();
    }
}
