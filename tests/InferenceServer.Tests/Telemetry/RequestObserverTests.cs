using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace InferenceServer.Tests.Telemetry;

[Collection(SharedServer.Name)]
public sealed class RequestObserverTests : IDisposable
{
    private readonly SegmentationServer _server;
    private readonly Measurements _measured;

    public RequestObserverTests(SegmentationServer server)
    {
        _server = server;
        _measured = new Measurements(server);
    }

    public void Dispose() => _measured.Dispose();

    [Fact]
    public async Task Segment_Answered_IsCountedWithModelRouteAndCode()
    {
        using HttpResponseMessage response = await _server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        int bytes = (await response.Content.ReadAsByteArrayAsync()).Length;

        await _measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/v1/segment/{model},version=1}", 1);
        await _measured.UntilAsync("seg_in_flight{model=tiny}", 0);
        Assert.Equal(bytes, _measured["seg_output_bytes{model=tiny}"]);
        Assert.Equal(Photo.Width * Photo.Height, _measured["seg_pixels_total{model=tiny}"]);
        Assert.All(["read", "decode", "preprocess", "infer", "postprocess", "encode", "write"], stage =>
            Assert.True(_measured[$"seg_stage_duration_seconds{{model=tiny,priority=interactive,stage={stage}}}"] > 0, stage));
        Assert.True(
            _measured["seg_request_duration_seconds{model=tiny," +
                "route=/v1/segment/{model}}"] > _measured["seg_stage_duration_seconds{model=tiny,priority=interactive,stage=infer}"]);
    }

    [Theory]
    [InlineData("/v1/segment/tiny?priority=batch", "batch", "interactive")]
    [InlineData("/v1/segment/tiny?priority=interactive", "interactive", "batch")]
    public async Task Segment_OfEachClass_IsMeasuredByIt(string path, string priority, string other)
    {
        using HttpResponseMessage response = await _server.Client.PostAsync(path, Photo.Content(Photo.Png));

        await _measured.UntilAsync("seg_in_flight{model=tiny}", 0);
        Assert.True(_measured[$"seg_stage_duration_seconds{{model=tiny,priority={priority},stage=queue}}"] > 0);
        Assert.Equal(0, _measured[$"seg_stage_duration_seconds{{model=tiny,priority={other},stage=queue}}"]);
    }

    [Theory]
    [InlineData("/v1/segment/tiny?format=no", "tiny", 400, "bad_request")]
    [InlineData("/v1/segment/no-such-model", "none", 404, "unknown_model")]
    [InlineData("/v1/segment/tiny", "tiny", 415, "bad_image")]
    [InlineData("/v1/segment/tiny-nan", "tiny-nan", 503, "model_not_ready")]
    public async Task Segment_Refused_IsCountedWithItsReason(string path, string model, int code, string reason)
    {
        using ByteArrayContent noImage = new("no image"u8.ToArray());
        noImage.Headers.ContentType = new MediaTypeHeaderValue("image/png");

        using HttpResponseMessage response = await _server.Client.PostAsync(path, noImage);

        await _measured.UntilAsync($"seg_requests_rejected_total{{model={model},reason={reason}}}", 1);
        string version = code == 415 ? "1" : ""; // the others never had a model
        Assert.Equal(1, _measured[$"seg_requests_total{{code={code},model={model},route=/v1/segment/{{model}},version={version}}}"]);
    }

    [Fact]
    public async Task Segment_ClientLeavesWhileSending_IsCancelledInRead()
    {
        using (TcpClient client = new())
        {
            Uri server = _server.Client.BaseAddress!;
            await client.ConnectAsync(server.Host, server.Port);
            await client.GetStream()
                .WriteAsync(
                    Encoding.ASCII.GetBytes(
                        "POST /v1/segment/tiny HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nhalf"));
            await _measured.UntilAsync("seg_in_flight{model=tiny}", 1);
        }

        await _measured.UntilAsync("seg_in_flight{model=tiny}", 0);
        await _measured.UntilAsync("seg_requests_cancelled_total{stage=read}", 1);
        Assert.Equal(0, _measured["seg_requests_rejected_total{model=tiny,reason=bad_request}"]);
    }

    [Fact]
    public async Task Probes_Always_AreNotCounted()
    {
        using HttpResponseMessage response = await _server.Client.GetAsync(new Uri("/health/live", UriKind.Relative));

        Assert.Equal(0, _measured["seg_requests_total{code=200,model=none,route=/health/live,version=}"]);
    }
}
