using System.Net;
using InferenceServer.Client;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Clients;

[Collection(SharedServer.Name)]
public sealed class InferenceClientTests(SegmentationServer server)
{
    [Fact]
    public async Task SegmentAsync_Photograph_IsTheMask()
    {
        using InferenceClient client = new(server.Client.BaseAddress!);

        MaskAnswer mask = await client.SegmentAsync(Photo.Png, new SegmentQuery { Model = "tiny", Version = 1, Format = "raw" });
        MaskAnswer usual = await client.SegmentAsync(Photo.Png);

        Assert.Equal(Photo.Labels, mask.Bytes);
        Assert.Equal(
            ("tiny", 1, Photo.Width, Photo.Height, "application/octet-stream"),
            (mask.Model, mask.Version, mask.Width, mask.Height, mask.ContentType));
        Assert.Equal(Photo.Labels, PngImage.Read(usual.Bytes).Samples);
    }

    [Fact]
    public async Task SegmentAsync_Refused_IsTheServersSentence()
    {
        using InferenceClient client = new(server.Client.BaseAddress!);

        InferenceServerException unknown = await Assert.ThrowsAsync<InferenceServerException>(() =>
            client.SegmentAsync(Photo.Png, new SegmentQuery { Model = "no such" }));
        InferenceServerException parameter = await Assert.ThrowsAsync<InferenceServerException>(
            () => client.SegmentAsync(Photo.Png, new SegmentQuery { Parameters = new Dictionary<string, string> { ["alpha"] = "2" } }));

        Assert.Equal((HttpStatusCode.NotFound, "urn:inference-server:unknown-model"), (unknown.Status, unknown.Type));
        Assert.Contains("no such", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("alpha", parameter.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModelsAsync_Server_ListsThem()
    {
        using InferenceClient client = new(server.Client.BaseAddress!);

        Assert.Equal("READY", (await client.ModelsAsync()).Single(m => m.Name == "tiny").State);
    }

    [Theory]
    [InlineData(HttpStatusCode.TooManyRequests, 7)]
    [InlineData(HttpStatusCode.ServiceUnavailable, 2)]
    [InlineData(HttpStatusCode.BadGateway, 2)]
    public async Task SegmentAsync_FullServer_ComesAgainWhenItSays(HttpStatusCode status, int seconds)
    {
        FakeTimeProvider clock = new();
        using Scripted script = new(Refusal(status, seconds), Mask());
        List<HttpStatusCode> refused = [];
        InferenceClientOptions options = new() { Time = clock, Key = "secret", OnRefused = refused.Add };
        using InferenceClient client = new(new Uri("http://server"), options, script);

        Task<MaskAnswer> answer = client.SegmentAsync(Photo.Png);
        Assert.Equal(1, script.Requests);
        clock.Advance(TimeSpan.FromSeconds(seconds - 1));
        Assert.Equal(1, script.Requests);
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal([5], (await answer).Bytes);
        Assert.Equal((2, "Bearer secret"), (script.Requests, script.Authorization));
        Assert.Equal([status], refused);
    }

    [Fact]
    public async Task SegmentAsync_ServerThatStaysFull_IsGivenUp()
    {
        using Scripted script = new(
            Refusal(HttpStatusCode.TooManyRequests, 0), Refusal(HttpStatusCode.TooManyRequests, 0),
            Refusal(HttpStatusCode.TooManyRequests, 0));
        using InferenceClient client = new(new Uri("http://server"), new InferenceClientOptions { MaxRetries = 2 }, script);

        Assert.Equal(
            HttpStatusCode.TooManyRequests,
            (await Assert.ThrowsAsync<InferenceServerException>(() => client.SegmentAsync(Photo.Png))).Status);
        Assert.Equal(3, script.Requests);
    }

    [Fact]
    public async Task SegmentAsync_RetryAfterBeyondTheTimeout_DoesNotRetry()
    {
        using Scripted script = new(Refusal(HttpStatusCode.TooManyRequests, 7200));
        using InferenceClient client = new(
            new Uri("http://server"), new InferenceClientOptions { MaxWait = TimeSpan.FromMinutes(1) }, script);

        Assert.Equal(
            HttpStatusCode.TooManyRequests,
            (await Assert.ThrowsAsync<InferenceServerException>(() => client.SegmentAsync(Photo.Png))).Status);
        Assert.Equal(1, script.Requests);
    }

    [Fact]
    public async Task SegmentAsync_RetriesWithoutRetryAfter_EndWithTheTimeout()
    {
        const int Retries = 100;
        using Scripted script = new(
            [
                .. Enumerable.Range(0, Retries + 1)
                    .Select(_ => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable))
            ]);
        using InferenceClient client = new(
            new Uri("http://server"), new InferenceClientOptions { MaxRetries = Retries, MaxWait = TimeSpan.Zero },
            script);

        await Assert.ThrowsAsync<InferenceServerException>(() => client.SegmentAsync(Photo.Png));
        Assert.Equal(Retries + 1, script.Requests);
    }

    [Fact]
    public async Task CreateJob_ProxyWithoutAServer_IsNotRepeated()
    {
        using Scripted script = new(new HttpResponseMessage(HttpStatusCode.BadGateway), Mask());
        using InferenceClient client = new(
            new Uri("http://server"), new InferenceClientOptions { MaxWait = TimeSpan.Zero }, script);

        Assert.Equal(
            HttpStatusCode.BadGateway,
            (await Assert.ThrowsAsync<InferenceServerException>(() => client.Jobs.CreateFromSourcesAsync("{}"))).Status);
        Assert.Equal(1, script.Requests);
    }

    [Theory]
    [InlineData("secret\n", "Bearer secret")]
    [InlineData(" \n", null)]
    [InlineData("", null)]
    public async Task Key_WithWhiteSpace_IsSentWithout(string key, string? header)
    {
        using Scripted script = new(Mask());
        using InferenceClient client = new(new Uri("http://server"), new InferenceClientOptions { Key = key }, script);

        await client.SegmentAsync(Photo.Png);

        Assert.Equal(header, script.Authorization);
    }

    [Theory]
    [InlineData("two\nlines")]
    [InlineData("schlüssel")]
    public void Key_ThatNoHeaderCarries_IsRefused(string key) =>
        Assert.Throws<ArgumentException>(() => new InferenceClient(new Uri("http://server"), new InferenceClientOptions { Key = key }));

    private static HttpResponseMessage Refusal(HttpStatusCode status, int seconds) =>
        new(status) { Headers = { { "Retry-After", $"{seconds}" } } };

    private static HttpResponseMessage Mask() => new(HttpStatusCode.OK)
    {
        Headers = { { "X-Model", "m" }, { "X-Model-Version", "1" }, { "X-Image-Width", "1" }, { "X-Image-Height", "1" } },
        Content = new ByteArrayContent([5]),
    };

    private sealed class Scripted(params HttpResponseMessage[] answers) : HttpMessageHandler
    {
        public int Requests { get; private set; }

        public string? Authorization { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Authorization = request.Headers.Authorization?.ToString();
            return Task.FromResult(answers[Requests++]);
        }
    }
}
