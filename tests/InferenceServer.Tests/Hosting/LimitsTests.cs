using System.Net;

namespace InferenceServer.Tests.Hosting;

/// <summary>The limits of a small server: bytes and pixels.</summary>
public sealed class LimitsTests : IAsyncLifetime
{
    private const int MaxBytes = 4096;
    private SegmentationServer _server = null!;

    public async Task InitializeAsync() =>
        _server = await SegmentationServer.StartAsync(("Decoding:MaxBytes", $"{MaxBytes}"), ("Decoding:MaxPixels", "10000"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData(MaxBytes + 1)]
    [InlineData(MaxBytes + (1 << 20))] // Kestrel itself refuses this one
    public async Task Body_LengthTooLarge_Answers413BeforeItIsSent(int length)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment") { Content = Photo.Content(new byte[length]) };
        request.Headers.ExpectContinue = true;
        using HttpResponseMessage response = await _server.Client.SendAsync(request);

        await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response);
    }

    [Fact]
    public async Task Body_TooManyChunks_Answers413()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment") { Content = Photo.Content(new byte[MaxBytes + 1]) };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await _server.Client.SendAsync(request);

        await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response);
    }

    [Fact]
    public async Task Form_ImageTooLarge_Answers413()
    {
        using MultipartFormDataContent form = new() { { Photo.Content(new byte[MaxBytes + 1]), "image", "street.png" } };
        using HttpResponseMessage response = await _server.Client.PostAsync("/v1/segment", form);

        await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, response);
    }

    [Theory]
    [InlineData(100, 100, HttpStatusCode.OK)]
    [InlineData(101, 100, HttpStatusCode.RequestEntityTooLarge)]
    public async Task Pixels_AtTheLimit_AreServedAndOneMoreIsNot(int width, int height, HttpStatusCode expected)
    {
        using HttpResponseMessage response = await _server.Client.PostAsync("/v1/segment", Photo.Content(Photo.Plain(width, height)));

        Assert.Equal(expected, response.StatusCode);
    }
}
