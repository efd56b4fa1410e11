using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace InferenceServer.Tests.Segment;

[Collection(SharedServer.Name)]
public sealed class ImageBodyTests(SegmentationServer server)
{
    [Theory]
    [InlineData("image/png")]
    [InlineData("image/jpeg")] // wrong, but the bytes decide
    [InlineData("image/x-unheard-of")]
    [InlineData("application/octet-stream")]
    [InlineData("binary/octet-stream")] // what object stores say
    [InlineData("application/x-www-form-urlencoded")] // what curl --data-binary says by itself
    [InlineData(null)]
    public async Task ReadAsync_RightBytes_ServesUnderAnyTypeThatMayBeAnImage(string? type)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny?format=raw", Photo.Content(Photo.Png, type));

        Assert.Equal(Photo.Labels, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task ReadAsync_WithoutModel_TakesTheDefault()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment?format=raw", Photo.Content(Photo.Png));

        Assert.Equal("tiny", Assert.Single(response.Headers.GetValues("X-Model")));
        Assert.Equal(Photo.Labels, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task ReadAsync_Form_TakesTheImage()
    {
        using MultipartFormDataContent form = new() { { Photo.Content(Photo.Png), "image", "street.png" } };
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny?format=raw", form);

        Assert.Equal(Photo.Labels, await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ReadAsync_FormWithAnOptionBesideTheImage_SaysWhereOptionsStand(bool first)
    {
        using MultipartFormDataContent form = [];
        form.Add(first ? new StringContent("json") : Photo.Content(Photo.Png), first ? "format" : "image");
        form.Add(first ? Photo.Content(Photo.Png) : new StringContent("json"), first ? "image" : "format");

        Assert.StartsWith(
            "Expected one part, named 'image' or 'file', got a part 'format'.", await FailAsync(HttpStatusCode.BadRequest, form),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadAsync_FormWithTwoImages_SaysWhoTakesMany()
    {
        using MultipartFormDataContent form = new() { { Photo.Content(Photo.Png), "image" }, { Photo.Content(Photo.Png), "image" } };

        Assert.Contains("/v1/segment:batch", await FailAsync(HttpStatusCode.BadRequest, form), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadAsync_ChunkedBody_Serves()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny?format=raw") { Content = Photo.Content(Photo.Png) };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await server.Client.SendAsync(request);

        Assert.Equal(Photo.Labels, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task ReadAsync_FormWithoutImage_Answers400()
    {
        using MultipartFormDataContent form = new() { { Photo.Content(Photo.Png), "photo", "street.png" } };

        Assert.Contains("'image'", await FailAsync(HttpStatusCode.BadRequest, form), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a=b/c:d")]
    [InlineData("----=_Part_1_2.3")] // Java Mail
    [InlineData("==3456?(x)+_,'")]
    [InlineData("a b")]
    public async Task ReadAsync_BoundaryWithoutItsQuotes_IsRead(string boundary)
    {
        byte[] form =
        [
            .. Encoding.ASCII.GetBytes($"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=a.png\r\n\r\n"),
            .. Photo.Png, .. Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n"),
        ];
        foreach (string route in (string[])["/v1/segment/tiny", "/v1/segment:batch", "/huggingface", "/api/remove?model=tiny-binary"])
        {
            foreach (string value in (string[])[
                boundary, $"\"{boundary}\"", boundary + "; charset=utf-8"
            ])
            {
                using HttpContent content = Photo.Content(form, type: null);
                content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=" + value);
                using HttpResponseMessage response = await server.Client.PostAsync(route, content);

                Assert.Equal((route, value, HttpStatusCode.OK), (route, value, response.StatusCode));
                Assert.DoesNotContain("\"status\":4", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("a\"b")]
    [InlineData("\"a")]
    [InlineData("a\\b")]
    public async Task ReadAsync_BoundaryThatCannotBe_IsNamed(string boundary)
    {
        foreach (string route in (string[])["/v1/segment/tiny", "/v1/segment:batch", "/huggingface", "/api/remove"])
        {
            using HttpContent content = Photo.Content(Photo.Png, type: null);
            content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=" + boundary);
            using HttpResponseMessage response = await server.Client.PostAsync(route, content);

            Assert.Contains("boundary", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("multipart/form-data", "--b\r\n")]
    [InlineData("multipart/form-data; boundary=b", "")]
    [InlineData("multipart/form-data; boundary=b", "no boundary at all")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=image\r\n\r\nand then the line breaks off")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=image")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nno header\r\n\r\n\r\n--b--\r\n")]
    // An encoding that .NET refuses.
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"=?utf-7?B?QUFB?=\"\r\n\r\n\r\n--b--\r\n")]
    public async Task ReadAsync_MalformedForm_Answers400(string type, string body)
    {
        using StringContent content = new(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);

        await FailAsync(HttpStatusCode.BadRequest, content);
    }

    [Fact]
    public async Task ReadAsync_BoundaryTooLongForAnyReader_Answers400()
    {
        using StringContent content = new("");
        content.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=" + new string('b', 5000));

        await FailAsync(HttpStatusCode.BadRequest, content);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    public async Task ReadAsync_TypeThatIsNoImage_Answers415(string type) =>
        Assert.Contains(
            type, await FailAsync(HttpStatusCode.UnsupportedMediaType, Photo.Content(Photo.Png, type)),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("image")]
    [InlineData("file")]
    public async Task ReadAsync_FormPart_IsTheImage(string name)
    {
        using MultipartFormDataContent form = new() { { new ByteArrayContent(Photo.Png), name, "a.png" } };

        Assert.Equal(await MaskAsync(Photo.Content(Photo.Png, "image/png")), await MaskAsync(form));
    }

    [Theory]
    [InlineData("")]
    [InlineData("data:image/png;base64,")]
    public async Task ReadAsync_Base64InJson_IsTheImage(string prefix)
    {
        using StringContent json = new(
            $$"""{"image": "{{prefix}}{{Convert.ToBase64String(Photo.Png)}}"}""",
            new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));

        Assert.Equal(await MaskAsync(Photo.Content(Photo.Png, "image/png")), await MaskAsync(json));
    }

    [Theory]
    [InlineData("{}", "image")]
    [InlineData("[1]", "object")]
    [InlineData("{\"image\": 3}", "base64")]
    [InlineData("{\"image\": \"***\"}", "base64")]
    [InlineData("{\"image\"", "body")]
    public async Task ReadAsync_JsonWithoutImage_SaysWhatIsExpected(string json, string word) =>
        Assert.Contains(
            word,
            await FailAsync(
                HttpStatusCode.BadRequest,
                new StringContent(json, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"))),
            StringComparison.Ordinal);

    private async Task<byte[]> MaskAsync(HttpContent content)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny", content);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsByteArrayAsync();
    }

    private async Task<string> FailAsync(HttpStatusCode status, HttpContent content)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny", content);
        return await ProblemAssert.IsAsync(status, response);
    }
}
