using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Tests.Telemetry;

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
        await using ServerProcess server = await ServerProcess.StartAsync(
            (endpoint, collector.Url), (protocol, "http/protobuf"), ("Hosting:DrainDelay", "00:00:00"));
        using HttpClient client = new() { BaseAddress = server.Address };
        await SegmentAsync(client, trace);
        using HttpResponseMessage probe = await client.GetAsync(new Uri("/health/live", UriKind.Relative));

        server.Signal(ServerProcess.Terminate); // what is left is sent before the end
        Assert.Equal(0, await server.ExitAsync());

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

    private static async Task SegmentAsync(HttpClient client, string trace)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny") { Content = Photo.Content(Photo.Png) };
        request.Headers.TryAddWithoutValidation("traceparent", $"00-{trace}-{ClientSpan}-01");
        using HttpResponseMessage response = await client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode);
    }
}
