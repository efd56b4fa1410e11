using System.Net;
using System.Text.Json;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Segment;

/// <summary>What a full server answers, and that it serves again.</summary>
public sealed class AdmissionTests
{
    [Fact]
    public async Task Requests_ServerFull_Answers429AndThenServesAgain()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Scheduling:MaxRequests", "1"));
        using GatedSession gate = Close(server);
        Task<HttpResponseMessage> first = PostAsync(server);
        await Eventually.TrueAsync(() => server.InFlight.Requests == 1);

        using HttpResponseMessage refused = await PostAsync(server);

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter?.Delta);
        JsonElement problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement;
        Assert.True(problem.GetProperty("retry_after_ms").GetInt64() >= 1);
        gate.Open();
        using HttpResponseMessage served = await first;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        using HttpResponseMessage next = await PostAsync(server);
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    [Fact]
    public async Task Requests_BatchClass_LeavesPlacesToPeople()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Scheduling:MaxRequests", "2"));
        using GatedSession gate = Close(server);
        Task<HttpResponseMessage> bulk = PostAsync(server, query: "?priority=batch");
        await Eventually.TrueAsync(() => server.InFlight.Requests == 1);

        using HttpResponseMessage refused = await PostAsync(server, query: "?priority=batch");
        Task<HttpResponseMessage> person = PostAsync(server);
        await Eventually.TrueAsync(() => server.InFlight.Requests == 2);

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused);
        gate.Open();
        Assert.All(await Task.WhenAll(bulk, person), r => Assert.Equal(HttpStatusCode.OK, r.StatusCode));
    }

    [Fact]
    public async Task Pixels_MoreThanTheServerHolds_Answer429UnlessAlone()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Scheduling:MaxPixelsInFlight", "5000"));
        using GatedSession gate = Close(server);
        Task<HttpResponseMessage> large = PostAsync(server, Photo.Plain(100, 100)); // twice the budget, but alone
        await Eventually.TrueAsync(() => server.InFlight.Pixels == 10_000);

        using HttpResponseMessage refused = await PostAsync(server, Photo.Plain(10, 10));

        Assert.Contains("pixels", await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused), StringComparison.Ordinal);
        Assert.NotNull(refused.Headers.RetryAfter);
        gate.Open();
        using HttpResponseMessage served = await large;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Fact]
    public async Task Answer_ReceivedWhole_LeavesItsRoomToTheClientsNextRequest()
    {
        // An answer above MaxAnswerBytes keeps its place and its pixels while it is sent, and there is room for one image.
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Scheduling:MaxPixelsInFlight", "1"), ("Scheduling:MaxRequests", "1"), ("Scheduling:MaxAnswerBytes", "1024"));

        for (int i = 0; i < 200; i++)
        {
            using HttpResponseMessage served = await PostAsync(server, query: "?format=raw");
            Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bytes_MoreThanTheServerHolds_Answer429(bool chunked)
    {
        byte[] image = Photo.Noise(jpeg: false);
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Scheduling:MaxBytesInFlight", $"{image.Length + 1}"));
        using GatedSession gate = Close(server);
        Task<HttpResponseMessage> first = PostAsync(server, image, chunked: chunked);
        await Eventually.TrueAsync(() => server.InFlight.Bytes >= image.Length);

        using HttpResponseMessage refused = await PostAsync(server, image, chunked: chunked);

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused);
        gate.Open();
        using HttpResponseMessage served = await first;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        await Eventually.TrueAsync(() => server.InFlight.Bytes == 0);
    }

    [Fact]
    public async Task Batching_ImagesOfOneSize_ShareARunAndEachGetsItsOwnMask()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Scheduling:Instances", "1"), ("Batching:MaxBatchSize", "8"));
        using GatedSession gate = Close(server);
        LoadedModel model = server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
        Task<HttpResponseMessage> first = PostAsync(server);
        await Eventually.TrueAsync(() => model.Scheduler.Running == 1);
        Task<HttpResponseMessage>[] others =
        [
            .. Enumerable.Range(0, 3)
                .Select(label => PostAsync(server, Photo.Plain(48, 32, (byte)label), "?format=raw"))
        ];
        await Eventually.TrueAsync(() => model.Scheduler.QueuedImages == 3);

        gate.Open();

        using HttpResponseMessage ignored = await first;
        for (int label = 0; label < 3; label++)
        {
            using HttpResponseMessage response = await others[label];
            Assert.All(await response.Content.ReadAsByteArrayAsync(), pixel => Assert.Equal(label, pixel));
        }

        Assert.Equal([1, 3], gate.Runs);
    }

    private static GatedSession Close(SegmentationServer server) =>
        new(server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);

    private static async Task<HttpResponseMessage> PostAsync(
        SegmentationServer server, byte[]? image = null, string query = "", bool chunked = false)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny" + query) { Content = Photo.Content(image ?? Photo.Png) };
        request.Headers.TransferEncodingChunked = chunked;
        return await server.Client.SendAsync(request);
    }
}
