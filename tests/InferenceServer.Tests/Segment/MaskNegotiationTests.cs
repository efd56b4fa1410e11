namespace InferenceServer.Tests.Segment;

[Collection(SharedServer.Name)]
public sealed class MaskNegotiationTests(SegmentationServer server)
{
    [Theory]
    [InlineData(null, "image/png")]
    [InlineData("*/*", "image/png")]
    [InlineData("image/*", "image/png")]
    [InlineData("image/png", "image/png")]
    [InlineData("image/jpeg", "image/jpeg")]
    [InlineData("IMAGE/JPEG", "image/jpeg")]
    [InlineData("application/json", "application/json")]
    [InlineData("application/octet-stream", "application/octet-stream")]
    [InlineData("image/png;q=0.1, application/json", "application/json")]
    [InlineData("text/html, image/jpeg;q=0.5", "image/jpeg")]
    [InlineData("text/html", "image/png")]
    [InlineData("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/png")]
    public async Task Accept_WithoutFormat_Decides(string? accept, string expected) => Assert.Equal(expected, await TypeAsync("", accept));

    [Theory]
    [InlineData("png", "application/json", "image/png")]
    [InlineData("json", "image/png", "application/json")]
    [InlineData("raw", "image/png", "application/octet-stream")]
    [InlineData("color", "image/jpeg", "image/png")]
    [InlineData("confidence", "application/json", "image/png")]
    public async Task Format_WithAnotherAccept_Decides(string format, string accept, string expected) =>
        Assert.Equal(expected, await TypeAsync($"?format={format}", accept));

    [Theory]
    [InlineData(null, "image/png")]
    [InlineData("image/jpeg", "image/jpeg")]
    [InlineData("image/png, image/jpeg;q=0.5", "image/png")]
    [InlineData("image/png;q=0.5, image/jpeg", "image/jpeg")]
    public async Task Overlay_Accept_ChoosesBetweenPngAndJpeg(string? accept, string expected) =>
        Assert.Equal(expected, await TypeAsync("?format=overlay", accept));

    private async Task<string?> TypeAsync(string query, string? accept)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny" + query) { Content = Photo.Content(Photo.Png) };
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using HttpResponseMessage response = await server.Client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return response.Content.Headers.ContentType?.MediaType;
    }
}
