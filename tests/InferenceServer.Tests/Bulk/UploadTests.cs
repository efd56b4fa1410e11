using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Text.Json;
using InferenceServer.Runtime;

namespace InferenceServer.Tests.Bulk;

/// <summary>Bodies that are not what they say, or more than may be.</summary>
[Collection(SharedServer.Name)]
public sealed class UploadTests(SegmentationServer server)
{
    [Fact]
    public async Task Zip_Bomb_IsRefused()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Bulk:MaxBytes", "100000"), ("Bulk:MaxImages", "3"));
        using ByteArrayContent bomb = ZipFile.Of(("zeros.png", new byte[10_000_000]));
        using ByteArrayContent many = ZipFile.Of([.. Enumerable.Range(0, 4).Select(i => ($"{i}.png", Photo.Png))]);
        using ByteArrayContent large = ZipFile.Of(
            [("noise.png", [.. Enumerable.Range(0, 30).SelectMany(_ => Photo.Noise(jpeg: false))])],
            CompressionLevel.NoCompression);

        using HttpResponseMessage ofBomb = await small.Client.PostAsync("/v1/segment:batch", bomb);
        Assert.Contains(
            "100,000 bytes", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, ofBomb),
            StringComparison.Ordinal);
        // Asks first, as curl does: a server that closes on a body it does not want may cut off its own answer.
        using HttpRequestMessage asking = new(HttpMethod.Post, "/v1/segment:batch")
        {
            Content = large,
            Headers = { ExpectContinue = true },
        };
        using HttpResponseMessage ofLarge = await small.Client.SendAsync(asking);
        Assert.Contains(
            "100,000 bytes", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, ofLarge),
            StringComparison.Ordinal);
        using HttpResponseMessage ofMany = await small.Client.PostAsync("/v1/segment:batch", many);
        string[] lines = (await ofMany.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal((4, true), (lines.Length, lines[^1].Contains("at most 3 images", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(2_000)]
    [InlineData(66_000)] // from here on, zips count with 64 bits
    public async Task Zip_OfEmptyFilesWithoutEnd_IsRefusedBeforeItsListIsRead(int files)
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Bulk:MaxImages", "3"));
        using ByteArrayContent zip = ZipFile.Of(
            [.. Enumerable.Range(0, files).Select(i => ($"{i}.png", Array.Empty<byte>()))],
            CompressionLevel.NoCompression);

        using HttpResponseMessage response = await small.Client.PostAsync("/v1/segment:batch", zip);

        Assert.Contains(
            "list of files", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Zip_WithASecondEndInItsComment_IsRefusedAllTheSame()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Bulk:MaxImages", "3"));
        byte[] zip = await ZipFile.Of(
            [.. Enumerable.Range(0, 66_000).Select(i => ($"{i}.png", Array.Empty<byte>()))],
            CompressionLevel.NoCompression)
            .ReadAsByteArrayAsync();
        zip[^2] = 4; // the comment's length

        using HttpResponseMessage response = await small.Client.PostAsync(
            "/v1/segment:batch", Photo.Content([.. zip, .. "PK\u0005\u0006"u8], "application/zip"));

        Assert.Contains(
            "list of files", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Zip_ListShorterThanItSays_IsExplained()
    {
        byte[] zip = await ZipFile.Of(("a.png", Photo.Png), ("b.png", Photo.Png)).ReadAsByteArrayAsync();
        (zip[^14], zip[^12]) = (3, 3); // entries of this disk, and of all

        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment:batch", Photo.Content(zip, "application/zip"));

        Assert.Contains("damaged", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    public static TheoryData<string, CompressionLevel> Faults
    {
        get
        {
            TheoryData<string, CompressionLevel> faults = [];
            foreach (string fault in (string[])["encrypted", "checksum", "data", "cut", "header", "offset", "method 12", "method 99"])
            {
                faults.Add(fault, CompressionLevel.NoCompression);
                faults.Add(fault, CompressionLevel.Optimal);
            }

            return faults;
        }
    }

    /// <summary>A zip of three images whose second has a fault.</summary>
    internal static byte[] ZipWithAFault(string fault, CompressionLevel level)
    {
        byte[] noise = Photo.Noise(jpeg: false);
        using ByteArrayContent content = ZipFile.Of([("a.png", Photo.Png), ("b.png", noise), ("c.png", Photo.Png)], level);
        byte[] zip = content.ReadAsByteArrayAsync().Result;
        int list = zip.AsSpan().IndexOf("PK\u0001\u0002"u8);
        int entry = list + 4 + zip.AsSpan(list + 4).IndexOf("PK\u0001\u0002"u8);
        int local = BinaryPrimitives.ReadInt32LittleEndian(zip.AsSpan(entry + 42));
        switch (fault)
        {
            case "encrypted":
                zip[entry + 8] |= 1;
                zip[local + 6] |= 1;
                break;
            case "checksum":
                zip[entry + 16] ^= 1;
                break;
            case "data":
                zip[local + 30 + 5 + 2000] ^= 1;
                break;
            case "cut": // the entry's length
                BinaryPrimitives.WriteInt32LittleEndian(zip.AsSpan(entry + 20), 1000);
                BinaryPrimitives.WriteInt32LittleEndian(zip.AsSpan(entry + 24), 1000);
                break;
            case "header":
                zip[local] = 0;
                break;
            case "offset":
                BinaryPrimitives.WriteInt32LittleEndian(zip.AsSpan(entry + 42), 0x00FFFFFF);
                break;
            default:
                zip[entry + 10] = zip[local + 8] = byte.Parse(fault.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
                break;
        }

        return zip;
    }

    [Theory, MemberData(nameof(Faults))]
    public async Task Zip_WithABadFile_AnswersTheOthers(string fault, CompressionLevel level)
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/segment:batch?format=raw", Photo.Content(ZipWithAFault(fault, level), "application/zip"));

        JsonElement[] lines =
        [
            .. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonDocument.Parse(line).RootElement).OrderBy(line => line.GetProperty("index").GetInt32()),
        ];
        Assert.Equal(
            [("a.png", 200), ("b.png", 422), ("c.png", 200)],
            lines.Select(line => (line.GetProperty("name").GetString(), line.GetProperty("status").GetInt32())));
        Assert.Equal(Photo.Labels, lines[2].GetProperty("mask").GetBytesFromBase64());
        Assert.Contains("cannot be read from the zip", lines[1].GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(fault == "encrypted", lines[1].GetProperty("error").GetString()!.Contains("encrypted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Zip_OfBadFiles_CountsWhatTheyUnpackTo()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Bulk:MaxBytes", "100000"));
        byte[] zip = await ZipFile.Of(
            [.. Enumerable.Range(0, 20).Select(i => ($"{i}.png", new byte[10_000]))]).ReadAsByteArrayAsync();
        for (int at = 0; zip.AsSpan(at).IndexOf("PK\u0001\u0002"u8) is >= 0 and int next; at++)
        {
            at += next;
            zip[at + 16] ^= 1;
        }

        using HttpResponseMessage response = await small.Client.PostAsync("/v1/segment:batch", Photo.Content(zip, "application/zip"));

        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("100,000 bytes", lines[^1], StringComparison.Ordinal);
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
}
