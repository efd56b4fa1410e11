using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Tests.Metrics;

/// <summary>Metrics and traces arrive at a collector, and a trace goes on where the client began it.</summary>
public sealed class OtlpTests
{
    private const string ClientSpan = "b7ad6b7169203331";

    [Theory]
    [InlineData("Telemetry:OtlpEndpoint", "Telemetry:OtlpProtocol")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL")]
    public async Task Request_WithTraceparent_BecomesSpansBelowIt(string endpoint, string protocol)
    {
        await using OtlpReceiver collector = await OtlpReceiver.StartAsync();
        string trace = ActivityTraceId.CreateRandom().ToHexString();
        await using (SegmentationServer server = await SegmentationServer.StartAsync((endpoint, collector.Url), (protocol, "http/protobuf")))
        {
            await SegmentAsync(server, trace);
            using HttpResponseMessage probe = await server.Client.GetAsync(new Uri("/health/live", UriKind.Relative));
        }

        // Stopping the server sent what was left. Other servers of this process trace under other ids.
        OtlpSpan[] spans = [.. collector.Spans.Where(s => s.TraceId == trace)];
        OtlpSpan http = Assert.Single(spans, s => s.ParentId == ClientSpan);
        OtlpSpan request = Assert.Single(spans, s => s.Name == "segment");
        Assert.Equal(http.Id, request.ParentId);
        Assert.Equal(
            StageTimings.Names.Where(n => n != "crf").Order(StringComparer.Ordinal),
            spans.Where(s => s.ParentId == request.Id).Select(s => s.Name).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(collector.Spans, s => s.Name.Contains("/health", StringComparison.Ordinal));
        Assert.Contains("seg_stage_duration_seconds", collector.Metrics);
        Assert.Contains("dotnet.gc.collections", collector.Metrics);
    }

    [Theory]
    [InlineData("Telemetry:OtlpEndpoint", "collector:4317")]
    [InlineData("Telemetry:OtlpProtocol", "json")]
    public async Task Start_BadOption_StopsAndNamesTheKey(string key, string value)
    {
        Exception e = await Assert.ThrowsAnyAsync<Exception>(() => SegmentationServer.StartAsync((key, value)));

        Assert.Contains(key, e.ToString(), StringComparison.Ordinal);
    }

    private static async Task SegmentAsync(SegmentationServer server, string trace)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny") { Content = Photo.Content(Photo.Png) };
        request.Headers.TryAddWithoutValidation("traceparent", $"00-{trace}-{ClientSpan}-01");
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode);
    }
}
