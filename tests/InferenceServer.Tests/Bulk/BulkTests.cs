using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace InferenceServer.Tests.Bulk;

/// <summary>Many images in one request: all answered, whatever is wrong with some.</summary>
[Collection(SharedServer.Name)]
public sealed class BulkTests(SegmentationServer server)
{
    [Fact]
    public async Task Form_ManyImages_EachHasItsMask()
    {
        using MultipartFormDataContent form = [];
        for (byte i = 0; i < 12; i++)
        {
            form.Add(Photo.Content(Photo.Plain(20 + i, 10, (byte)(i % 3))), "image", $"photo {i}.png");
        }

        JsonElement[] lines = await LinesAsync("/v1/segment:batch?model=tiny&format=raw", form);

        Assert.Equal(Enumerable.Range(0, 12), lines.Select(l => l.GetProperty("index").GetInt32()).Order());
        foreach (JsonElement line in lines)
        {
            int index = line.GetProperty("index").GetInt32();
            Assert.Equal(($"photo {index}.png", 200, 20 + index, 10), (line.GetProperty("name").GetString(), line.GetProperty("status").GetInt32(), line.GetProperty("width").GetInt32(), line.GetProperty("height").GetInt32()));
            Assert.Equal(Enumerable.Repeat((byte)(index % 3), (20 + index) * 10), line.GetProperty("mask").GetBytesFromBase64());
        }
    }

    [Fact]
    public async Task Zip_WithADamagedImage_HasAllOtherMasks()
    {
        using ByteArrayContent zip = Zip(("a/one.png", Photo.Png), ("a/readme.txt", "no image"u8.ToArray()), ("two.png", Photo.Png[..^30]), ("three.png", Photo.Png));

        JsonElement[] lines = [.. (await LinesAsync("/v1/segment:batch?format=json", zip)).OrderBy(l => l.GetProperty("index").GetInt32())];

        Assert.Equal(["a/one.png", "a/readme.txt", "two.png", "three.png"], lines.Select(l => l.GetProperty("name").GetString()));
        Assert.Equal([200, 415, 422, 200], lines.Select(l => l.GetProperty("status").GetInt32()));
        Assert.Equal("urn:inference-server:unsupported-media-type", lines[1].GetProperty("type").GetString());
        Assert.Equal(3, lines[3].GetProperty("mask").GetProperty("classes").GetArrayLength());
    }

    [Fact]
    public async Task Multipart_Accepted_HasAPartForEachImage()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment:batch") { Content = Zip(("ä.png", Photo.Png), ("b.txt", [1, 2, 3])) };
        request.Headers.Accept.ParseAdd("multipart/mixed");
        using HttpResponseMessage response = await server.Client.SendAsync(request);

        MultipartReader reader = new(response.Content.Headers.ContentType!.Parameters.Single(p => p.Name == "boundary").Value!, await response.Content.ReadAsStreamAsync());
        Dictionary<string, (string? Type, byte[] Body)> parts = [];
        while (await reader.ReadNextSectionAsync() is { } section)
        {
            using MemoryStream body = new();
            await section.Body.CopyToAsync(body);
            parts.Add(section.Headers!["X-Index"].ToString(), (section.ContentType, body.ToArray()));
        }

        Assert.Equal(2, parts.Count);
        Assert.Equal("image/png", parts["0"].Type);
        Assert.Equal(Photo.Labels, PngImage.Read(parts["0"].Body).Samples);
        Assert.Equal("application/problem+json", parts["1"].Type);
        Assert.Equal(415, JsonDocument.Parse(parts["1"].Body).RootElement.GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task Zip_Bomb_IsRefused()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Bulk:MaxBytes", "100000"), ("Bulk:MaxImages", "3"));
        using ByteArrayContent bomb = Zip(("zeros.png", new byte[10_000_000]));
        using ByteArrayContent many = Zip([.. Enumerable.Range(0, 4).Select(i => ($"{i}.png", Photo.Png))]);
        using ByteArrayContent large = Zip([("noise.png", [.. Enumerable.Range(0, 30).SelectMany(_ => Photo.Noise(jpeg: false))])], CompressionLevel.NoCompression);

        using HttpResponseMessage ofBomb = await small.Client.PostAsync("/v1/segment:batch", bomb);
        Assert.Contains("100,000 bytes", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, ofBomb), StringComparison.Ordinal);
        // Asks first, as curl does: a server that closes on a body it does not want may cut off its own answer.
        using HttpRequestMessage asking = new(HttpMethod.Post, "/v1/segment:batch") { Content = large, Headers = { ExpectContinue = true } };
        using HttpResponseMessage ofLarge = await small.Client.SendAsync(asking);
        Assert.Contains("100,000 bytes", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, ofLarge), StringComparison.Ordinal);
        using HttpResponseMessage ofMany = await small.Client.PostAsync("/v1/segment:batch", many);
        string[] lines = (await ofMany.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal((4, true), (lines.Length, lines[^1].Contains("more than 3 images", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(2_000)]
    [InlineData(66_000)] // from here on, zips count with 64 bits
    public async Task Zip_OfEmptyFilesWithoutEnd_IsRefusedBeforeItsListIsRead(int files)
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Bulk:MaxImages", "3"));
        using ByteArrayContent zip = Zip([.. Enumerable.Range(0, files).Select(i => ($"{i}.png", Array.Empty<byte>()))], CompressionLevel.NoCompression);

        using HttpResponseMessage response = await small.Client.PostAsync("/v1/segment:batch", zip);

        Assert.Contains("list of files", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("image/png", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/zip", HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x", HttpStatusCode.BadRequest)]
    public async Task Body_NeitherFormNorZip_IsExplained(string type, HttpStatusCode status)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment:batch", Photo.Content(Photo.Png, type));

        await ProblemAssert.IsAsync(status, response);
    }

    [Fact]
    public async Task FullServer_Images_WaitForTheirTurn()
    {
        await using SegmentationServer busy = await SegmentationServer.StartAsync(("Scheduling:MaxRequests", "2"), ("Bulk:Concurrency", "8"));
        using ByteArrayContent zip = Zip([.. Enumerable.Range(0, 16).Select(i => ($"{i}.png", Photo.Png))]);
        using HttpResponseMessage response = await busy.Client.PostAsync("/v1/segment:batch?format=json", zip);

        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(16, lines.Count(l => l.Contains("\"status\":200", StringComparison.Ordinal)));
    }

    private static ByteArrayContent Zip(params (string Name, byte[] Bytes)[] files) => Zip(files, CompressionLevel.Optimal);

    private static ByteArrayContent Zip((string Name, byte[] Bytes)[] files, CompressionLevel level)
    {
        using MemoryStream file = new();
        using (ZipArchive zip = new(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in files)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(bytes);
            }
        }

        return new ByteArrayContent(file.ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue("application/zip") } };
    }

    private async Task<JsonElement[]> LinesAsync(string path, HttpContent content)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(path, content);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType?.MediaType);
        return [.. body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
