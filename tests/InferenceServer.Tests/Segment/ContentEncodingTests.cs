using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Tests.Segment;

/// <summary>Bodies under <c>Content-Encoding</c>, on all routes that take an image.</summary>
[Collection(SharedServer.Name)]
public sealed class ContentEncodingTests(SegmentationServer server)
{
    private static readonly string Image = Convert.ToBase64String(Photo.Png);

    private static readonly string Json = $$"""{"image": "{{Image}}", "inputs": "{{Image}}"}""";

    private static readonly Dictionary<string, (string Type, byte[] Body)> Bodies = new()
    {
        ["/v1/segment/tiny?format=json"] = ("image/png", Photo.Png),
        ["/v1/segment/tiny?format=json&timeout=60000"] = ("application/json", Encoding.ASCII.GetBytes(Json)),
        ["/v1/segment?format=json"] = ("multipart/form-data; boundary=x", Form("image")),
        ["/v1/segment:batch?format=json"] = ("multipart/form-data; boundary=x", Form("image")),
        ["/v1/refine?format=json"] = ("multipart/form-data; boundary=x", Refinement()),
        ["/huggingface/tiny"] = ("application/json", Encoding.ASCII.GetBytes(Json)),
        ["/huggingface"] = ("image/png", Photo.Png),
        ["/api/function_invocations"] = ("application/json", Encoding.ASCII.GetBytes(Json)),
        ["/x-anylabeling/v1/predict"] = ("application/json", Encoding.ASCII.GetBytes("{\"model\": \"tiny\", " + Json[1..])),
        ["/api/remove?model=tiny-binary"] = ("multipart/form-data; boundary=x", Form("file")),
        ["/label-studio/setup"] = ("application/json", "{}"u8.ToArray()),
    };

    public static TheoryData<string> Routes => [.. Bodies.Keys];

    /// <summary>Those that read any body to its end.</summary>
    public static TheoryData<string> ReadingRoutes =>
        [.. Bodies.Keys.Where(route => route is not "/label-studio/setup" and not "/x-anylabeling/v1/predict")];

    [Theory, MemberData(nameof(Routes))]
    public async Task Post_CompressedBody_IsAnsweredAsTheBodyItself(string route)
    {
        (string type, byte[] body) = Bodies[route];
        using HttpResponseMessage plain = await PostAsync(server, route, type, body, null);
        byte[] expected = await plain.Content.ReadAsByteArrayAsync();
        Assert.Equal(HttpStatusCode.OK, plain.StatusCode);

        foreach (string encoding in (string[])["gzip", "x-gzip", "GZip", "deflate", "br", "identity"])
        {
            using HttpResponseMessage response = await PostAsync(server, route, type, Pack(body, encoding), encoding);
            Assert.Equal((encoding, HttpStatusCode.OK), (encoding, response.StatusCode));
            Assert.Equal(expected, await response.Content.ReadAsByteArrayAsync());
        }
    }

    [Theory]
    [InlineData("/v1/segment/tiny?format=json", "gzip, deflate, br", "gzip")]
    [InlineData("/v1/segment/tiny?format=polygons", "deflate", "deflate")]
    [InlineData("/v1/segment/tiny?format=geojson", "br;q=0.5, gzip;q=0.4", "gzip")]
    [InlineData("/v1/segment/tiny?format=raw", "gzip", "gzip")]
    [InlineData("/v1/segment/tiny?format=raw", "gzip;q=0, identity", null)]
    [InlineData("/v1/segment/tiny?format=raw", null, null)]
    [InlineData("/v1/segment/tiny?format=png", "gzip", null)]
    [InlineData("/v1/segment/tiny?format=npy-probabilities", "gzip", null)]
    [InlineData("/v1/models", "gzip", "gzip")]
    public async Task Answer_AcceptedEncoding_IsTheSameOnceDecompressed(string route, string? accepted, string? expected)
    {
        byte[] plain = await (await AskAsync(route, null)).Content.ReadAsByteArrayAsync();

        using HttpResponseMessage response = await AskAsync(route, accepted);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(expected, response.Content.Headers.ContentEncoding.SingleOrDefault());
        byte[] bytes = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(plain, expected is null ? bytes : Unpack(bytes, expected));
        bool varies = !route.EndsWith("png", StringComparison.Ordinal) && !route.Contains("npy", StringComparison.Ordinal);
        Assert.Equal(varies, response.Headers.Vary.Contains("Accept-Encoding"));
    }

    private async Task<HttpResponseMessage> AskAsync(string route, string? accepted)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, route);
        if (route.Contains("segment", StringComparison.Ordinal))
        {
            (request.Method, request.Content) = (HttpMethod.Post, Photo.Content(Photo.Png));
        }

        if (accepted is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);
        }

        return await server.Client.SendAsync(request);
    }

    private static byte[] Unpack(byte[] packed, string encoding)
    {
        using MemoryStream plain = new(), source = new(packed);
        using Stream stream = encoding == "gzip"
            ? new GZipStream(source, CompressionMode.Decompress)
            : new ZLibStream(source, CompressionMode.Decompress);
        stream.CopyTo(plain);
        return plain.ToArray();
    }

    [Theory, MemberData(nameof(Routes))]
    public async Task Post_EncodingThatIsNotTaken_Answers415AndNamesThoseThatAre(string route)
    {
        (string type, byte[] body) = Bodies[route];
        foreach (string encoding in (string[])["zstd", "gzip, br", "gzip, gzip", "gzip, identity", "\"gzip\""])
        {
            using HttpResponseMessage response = await PostAsync(server, route, type, Pack(body, "gzip"), encoding);

            string detail = await ProblemAssert.IsAsync(HttpStatusCode.UnsupportedMediaType, response);
            Assert.Contains($"gzip, deflate, br, got '{encoding}'", detail, StringComparison.Ordinal);
            Assert.Equal("gzip, deflate, br", Assert.Single(response.Headers.GetValues("Accept-Encoding")));
        }
    }

    [Theory, MemberData(nameof(ReadingRoutes))]
    public async Task Post_DamagedCompression_IsTheCallersFault(string route)
    {
        (string type, byte[] body) = Bodies[route];
        foreach (string encoding in (string[])["gzip", "deflate", "br"])
        {
            byte[] packed = Pack(body, encoding), junk = [.. packed];
            junk.AsSpan(0, junk.Length / 2).Fill(0xFF);
            byte[] dictionary = [0x78, 0xBB, 0, 0, 0, 1, .. packed]; // which zlib needs, and nobody has
            foreach (byte[] damaged in (byte[][])[junk, packed[..(packed.Length / 2)], packed[..^1], body, dictionary])
            {
                using HttpResponseMessage response = await PostAsync(server, route, type, damaged, encoding);

                await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
            }
        }
    }

    [Theory, MemberData(nameof(ReadingRoutes))]
    public async Task Post_Bomb_IsRefusedAtTheLimit(string route)
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(
            ("Decoding:MaxBytes", "100000"), ("Bulk:MaxBytes", "100000"));
        (string type, byte[] body) = Bodies[route];
        // Before the first boundary of a form and the text of JSON anything may stand.
        byte[] bomb = type == "image/png" ? [.. body, .. new byte[10_000_000]] : [.. Enumerable.Repeat((byte)' ', 10_000_000), .. body];
        foreach (string encoding in (string[])["gzip", "deflate", "br"])
        {
            using HttpResponseMessage response = await PostAsync(small, route, type, Pack(bomb, encoding), encoding);

            // The reader of forms has a limit of its own.
            bool isForm = type.StartsWith("multipart/", StringComparison.Ordinal) && response.StatusCode == HttpStatusCode.BadRequest;
            await ProblemAssert.IsAsync(isForm ? HttpStatusCode.BadRequest : HttpStatusCode.RequestEntityTooLarge, response);
        }

        Assert.Equal(0, small.InFlight.Requests);
    }

    [Fact]
    public async Task Post_CompressedUpload_IsLimitedByTheUploadsLimitAlone()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Decoding:MaxBytes", "100000"));
        using ByteArrayContent zip = ZipFile.Of(
            [.. Enumerable.Range(0, 100).Select(i => ($"{i}.png", Photo.Noise(jpeg: false)))], CompressionLevel.NoCompression);
        byte[] body = await zip.ReadAsByteArrayAsync();
        Assert.True(body.Length > 200_000);

        using HttpResponseMessage response = await PostAsync(
            small, "/v1/segment:batch?format=json", "application/zip", Pack(body, "gzip"), "gzip");

        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.Equal(200, JsonDocument.Parse(line).RootElement.GetProperty("status").GetInt32()));
        Assert.Equal(100, lines.Length);
    }

    private static async Task<HttpResponseMessage> PostAsync(
        SegmentationServer to, string route, string type, byte[] body, string? encoding)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, route) { Content = Photo.Content(body, type) };
        request.Headers.Add("x-nuclio-function-name", "tiny");
        if (encoding is not null)
        {
            request.Content!.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        }

        return await to.Client.SendAsync(request);
    }

    private static byte[] Pack(byte[] body, string encoding)
    {
        using MemoryStream packed = new();
        using (Stream stream = encoding.ToLowerInvariant() switch
        {
            "deflate" => new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            "br" => new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            "identity" => new BufferedStream(packed),
            _ => new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true),
        })
        {
            stream.Write(body);
        }

        return packed.ToArray();
    }

    private static byte[] Refinement()
    {
        using MemoryStream npy = new();
        NpyFloats.Write(npy, [.. Enumerable.Repeat(0.5f, Photo.Width * Photo.Height)], [1, Photo.Height, Photo.Width]);
        return
        [
            .. Form("image").AsSpan(..^"\r\n--x--\r\n".Length),
            .. "\r\n--x\r\nContent-Disposition: form-data; name=probabilities\r\n\r\n"u8,
            .. npy.ToArray(), .. "\r\n--x--\r\n"u8,
        ];
    }

    private static byte[] Form(string name) =>
    [
        .. Encoding.ASCII.GetBytes($"--x\r\nContent-Disposition: form-data; name={name}; filename=a.png\r\n\r\n"),
        .. Photo.Png, .. "\r\n--x--\r\n"u8,
    ];
}
