using System.ComponentModel;
using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace InferenceServer.Tests.Telemetry;

public sealed class MetricsEndpointTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const string OpenMetrics = "application/openmetrics-text";
    private SegmentationServer _server = null!;

    public async Task InitializeAsync() => _server = await SegmentationServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData(null, "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData("*/*", "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData("text/html", "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData("application/openmetrics-text;q=0.2, text/plain;q=0.5", "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData("application/openmetrics-text;q=0", "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData(
        "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores")]
    public async Task Scrape_ByAccept_HasItsType(string? accept, string type)
    {
        using HttpResponseMessage response = await ScrapeAsync(accept);

        Assert.Equal(type, response.Content.Headers.ContentType!.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData(OpenMetrics)]
    public async Task Scrape_AfterRequests_IsWellFormed(string? accept)
    {
        bool isOpenMetrics = accept is not null;
        await SegmentAsync();
        Exposition page = await PageAsync(
            accept, p => p.Samples.Keys.Any(k => k.StartsWith("seg_requests_total{", StringComparison.Ordinal)));

        Assert.Equal("counter", page.Families[isOpenMetrics ? "seg_requests" : "seg_requests_total"].Type);
        Assert.Equal("histogram", page.Families["seg_stage_duration_seconds"].Type);
        Assert.Equal("gauge", page.Families["process_resident_memory_bytes"].Type);
        Assert.Equal("gauge", page.Families["dotnet_thread_pool_queue_length"].Type); // it goes down
        Assert.Contains("http_server_request_duration_seconds", page.Families);
        Assert.Contains("kestrel_active_connections", page.Families);
        Assert.Equal(1, page["seg_model_state{model=\"tiny\",state=\"READY\",version=\"1\"}"]);
        Assert.Equal(1, page["seg_requests_total{code=\"200\",model=\"tiny\",route=\"/v1/segment/{model}\",version=\"1\"}"]);
        Assert.True(page["process_cpu_seconds_total"] > 0);
        Assert.Equal(isOpenMetrics, page.Families.Values.Any(f => f.Exemplars > 0)); // the request was sent with a sampled traceparent
        Assert.All(page.Buckets, histogram =>
        {
            Assert.Equal(histogram.OrderBy(b => b.Bound), histogram);
            Assert.Equal(histogram.OrderBy(b => b.Count), histogram);
            Assert.Equal(double.PositiveInfinity, histogram.Last().Bound);
        });
    }

    [Fact]
    public async Task Scrape_ManyAtOnceUnderLoad_AllAreWholeAndCountersOnlyGrow()
    {
        Task load = Task.WhenAll(Enumerable.Range(0, 20).Select(_ => SegmentAsync()));
        double[] last = [0, 0, 0, 0];
        await Task.WhenAll(Enumerable.Range(0, last.Length).Select(async scraper =>
        {
            for (int i = 0; i < 10; i++)
            {
                Exposition page = await PageAsync(scraper % 2 == 0 ? null : OpenMetrics);
                double cpu = page["process_cpu_seconds_total"];
                Assert.True(cpu >= last[scraper]);
                last[scraper] = cpu;
            }
        }));
        await load;
    }

    [Theory]
    [InlineData(null)]
    [InlineData(OpenMetrics)]
    public async Task Scrape_ModelUnloaded_HasItsGaugesNoMore(string? accept)
    {
        string[] gauges =
        [
            "seg_model_load_seconds{model=\"tiny\",version=\"1\"}",
            "seg_provider_info{model=\"tiny\",provider=\"cpu\"}", "seg_queue_depth{model=\"tiny\",priority=\"interactive\"}",
            "seg_model_state{model=\"tiny\",state=\"READY\",version=\"1\"}"
        ];
        await SegmentAsync();
        Exposition before = await PageAsync(accept, p => p.Samples.ContainsKey("seg_pixels_total{model=\"tiny\"}"));

        _server.Services.GetRequiredService<ModelRepository>().Unload("tiny", CancellationToken.None);

        Exposition after = await PageAsync(accept);
        Assert.All(gauges, gauge => Assert.Contains(gauge, before.Samples));
        Assert.All(gauges, gauge => Assert.DoesNotContain(gauge, after.Samples));
        Assert.Contains("seg_queue_depth{model=\"tiny-labels\",priority=\"batch\"}", after.Samples); // the other models' stay
        // As do counters, which only grow.
        Assert.Equal(before["seg_pixels_total{model=\"tiny\"}"], after["seg_pixels_total{model=\"tiny\"}"]);
    }

    [Fact]
    public async Task Scrape_Always_IsNoRequestThatCounts()
    {
        await PageAsync(null);
        Exposition page = await PageAsync(null);

        Assert.DoesNotContain(page.Samples.Keys, series => series.Contains("/metrics", StringComparison.Ordinal));
        Assert.DoesNotContain(page.Samples.Keys, series => series.StartsWith("seg_requests_total", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Scrape_MoreSeriesThanAnyoneNeeds_AreOneOverflow()
    {
        SegmentationMetrics metrics = _server.Services.GetRequiredService<SegmentationMetrics>();
        metrics.Reloaded("C:\\\"x\"\n", succeeded: true);
        for (int i = 0; i < 10_000; i++)
        {
            metrics.Reloaded($"model-{i}", succeeded: true);
        }

        Exposition page = await PageAsync(null);
        Assert.InRange(page.Samples.Keys.Count(s => s.StartsWith("seg_model_reloads_total", StringComparison.Ordinal)), 1990, 2010);
        Assert.Contains("seg_model_reloads_total{otel_metric_overflow=\"true\"}", page.Samples);
        Assert.Equal(1, page["seg_model_reloads_total{model=\"C:\\\\\\\"x\\\"\\n\",result=\"success\"}"]);
    }

    [Fact]
    public async Task Scrape_OneAfterTheOther_EachIsOfItsMoment()
    {
        SegmentationMetrics metrics = _server.Services.GetRequiredService<SegmentationMetrics>();
        for (int i = 1; i <= 5; i++)
        {
            metrics.Reloaded("tiny", succeeded: true);

            Assert.Equal(i, (await PageAsync(null))["seg_model_reloads_total{model=\"tiny\",result=\"success\"}"]);
        }
    }

    [Fact]
    public async Task Post_Metrics_IsNotAllowed()
    {
        using HttpResponseMessage response = await _server.Client.PostAsync("/metrics", null);

        Assert.Equal(System.Net.HttpStatusCode.MethodNotAllowed, response.StatusCode);
    }

    [Fact]
    public async Task Scrape_SwitchedOff_IsNotThere()
    {
        await using SegmentationServer silent = await SegmentationServer.StartAsync(("Telemetry:Prometheus", "false"));

        using HttpResponseMessage response = await silent.Client.GetAsync(new Uri("/metrics", UriKind.Relative));

        Assert.Equal(System.Net.HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Scrape_Promtool_FindsNothingToSay()
    {
        await SegmentAsync();
        using HttpResponseMessage response = await ScrapeAsync(null);
        using Process? promtool = Start("promtool", "check metrics");
        if (promtool is null)
        {
            output.WriteLine("Skipped: promtool is not installed (Debian: prometheus).");
            return;
        }

        await promtool.StandardInput.WriteAsync(await response.Content.ReadAsStringAsync());
        promtool.StandardInput.Close();
        string[] complaints = (await promtool.StandardError.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        // The names of .NET's own instruments end in "count".
        Assert.DoesNotContain(
            complaints,
            c =>
                !c.StartsWith("dotnet_", StringComparison.Ordinal)
                    || !c.EndsWith("should not have \"_count\" suffix", StringComparison.Ordinal));
    }

    private static Process? Start(string program, string arguments)
    {
        try
        {
            return Process.Start(
                new ProcessStartInfo(program, arguments)
                {
                    RedirectStandardInput = true,
                    RedirectStandardError = true,
                    RedirectStandardOutput = true,
                });
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    private async Task<Exposition> PageAsync(string? accept, Func<Exposition, bool>? isReady = null)
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(30));
        while (true)
        {
            using HttpResponseMessage response = await ScrapeAsync(accept);
            Exposition page = new(await response.Content.ReadAsStringAsync(), isOpenMetrics: accept is not null);
            if (isReady?.Invoke(page) ?? true)
            {
                return page;
            }

            await Task.Delay(1, timeout.Token); // a request is counted a moment after its answer
        }
    }

    private async Task<HttpResponseMessage> ScrapeAsync(string? accept)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/metrics");
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        return await _server.Client.SendAsync(request);
    }

    private async Task SegmentAsync()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny") { Content = Photo.Content(Photo.Png) };
        request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        using HttpResponseMessage response = await _server.Client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode);
    }
}
