using System.Net;

namespace InferenceServer.Tests.Errors;

/// <summary>Each failure a caller can cause, as that caller sees it; also one who accepts nothing but a picture.</summary>
[Collection(SharedServer.Name)]
public sealed class ProblemTests(SegmentationServer server)
{
    public static TheoryData<string?> Accepts => [null, "image/png", "text/html"];

    [Theory]
    [InlineData("alpha=2", "alpha")]
    [InlineData("alpha=-0.1", "alpha")]
    [InlineData("alpha=NaN", "alpha")]
    [InlineData("alpha=half", "half")]
    [InlineData("format=bmp", "confidence")]
    [InlineData("format=", "format")]
    [InlineData("fromat=png", "fromat")]
    public async Task Query_Bad_Answers400AndNamesIt(string query, string named) =>
        Assert.Contains(
            named, await PostAsync(HttpStatusCode.BadRequest, $"/v1/segment/tiny?{query}", Photo.Png),
            StringComparison.Ordinal);

    [Fact]
    public async Task Confidence_OfAGraphThatEndsInLabels_Answers400() =>
        Assert.Contains(
            "tiny-labels",
            await PostAsync(HttpStatusCode.BadRequest, "/v1/segment/tiny-labels?format=confidence", Photo.Png),
            StringComparison.Ordinal);

    [Fact]
    public async Task Overlay_PhotographLongerThanAJpegCanBe_Answers400()
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync(("Decoding:MaxSide", "100000"));
        using HttpResponseMessage response = await own.Client.PostAsync(
            "/v1/segment/tiny?format=overlay-jpeg", Photo.Content(Photo.Plain(65_600, 1)));

        Assert.Contains("65535", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Accepts))]
    public async Task Model_Unknown_Answers404AndListsThoseThereAre(string? accept)
    {
        string detail = await PostAsync(HttpStatusCode.NotFound, "/v1/segment/none", Photo.Png, accept: accept);

        Assert.Contains("'none'", detail, StringComparison.Ordinal);
        Assert.Contains("tiny-labels", detail, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Accepts))]
    public async Task Route_Unknown_Answers404(string? accept) =>
        Assert.Contains(
            "/v2/segment", await PostAsync(HttpStatusCode.NotFound, "/v2/segment", Photo.Png, accept: accept),
            StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Accepts))]
    public async Task Method_NotAllowed_Answers405AndNamesTheAllowed(string? accept)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/segment/tiny");
        using HttpResponseMessage response = await SendAsync(request, accept);

        Assert.Contains("GET", await ProblemAssert.IsAsync(HttpStatusCode.MethodNotAllowed, response), StringComparison.Ordinal);
        Assert.Equal(["POST"], response.Content.Headers.Allow);
    }

    [Theory]
    [MemberData(nameof(Accepts))]
    public async Task Image_TooManyPixels_Answers413(string? accept) => Assert.Contains(
        "60000×60000",
        await PostAsync(
            HttpStatusCode.RequestEntityTooLarge, "/v1/segment/tiny", Images.Read("huge.png"), accept: accept),
        StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Accepts))]
    public async Task Image_Text_Answers415(string? accept) =>
        await PostAsync(HttpStatusCode.UnsupportedMediaType, "/v1/segment/tiny", "no image at all"u8.ToArray(), "image/png", accept);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Image_Truncated_Answers422(bool jpeg)
    {
        byte[] whole = Photo.Noise(jpeg);

        await PostAsync(HttpStatusCode.UnprocessableEntity, "/v1/segment/tiny", whole[..(whole.Length / 2)]);
    }

    [Theory]
    [MemberData(nameof(Accepts))]
    public async Task Image_Empty_Answers422(string? accept) =>
        Assert.Contains(
            "empty", await PostAsync(HttpStatusCode.UnprocessableEntity, "/v1/segment/tiny", [], accept: accept),
            StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Accepts))]
    public async Task Model_Unavailable_Answers503WithTheReason(string? accept) => Assert.Contains(
        "NaN", await PostAsync(HttpStatusCode.ServiceUnavailable, "/v1/segment/tiny-nan", Photo.Png, accept: accept),
        StringComparison.Ordinal);

    [Fact]
    public async Task Model_Unavailable_SaysWhenToTryAgain()
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny-nan", Photo.Content(Photo.Png));

        Assert.NotNull(response.Headers.RetryAfter);
    }

    private async Task<string> PostAsync(HttpStatusCode status, string path, byte[] image, string? type = null, string? accept = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = Photo.Content(image, type) };
        using HttpResponseMessage response = await SendAsync(request, accept);
        return await ProblemAssert.IsAsync(status, response);
    }

    private Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, string? accept)
    {
        if (accept is not null)
        {
            request.Headers.Accept.ParseAdd(accept);
        }

        return server.Client.SendAsync(request);
    }
}
