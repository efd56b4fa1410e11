using System.Diagnostics.Metrics;
using System.Text;
using InferenceServer.Metrics;
using InferenceServer.Runtime.Buffers;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace InferenceServer.Tests.Metrics;

public sealed class PrometheusExporterTests : IDisposable
{
    private readonly Meter _meter = new(Guid.NewGuid().ToString("N"));
    private readonly PrometheusExporter _exporter = new();
    private readonly MeterProvider _provider;

    public PrometheusExporterTests() =>
        _provider = Sdk.CreateMeterProviderBuilder().AddMeter(_meter.Name).AddReader(new BaseExportingMetricReader(_exporter)).Build();

    public void Dispose()
    {
        _provider.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public async Task WriteAsync_LabelOfAnyCharacters_IsEscaped()
    {
        _meter.CreateCounter<long>("a").Add(1, new("path.name", "C:\\\"x\"\n"), new("empty", ""), new("flag", true));

        Assert.Equal("# TYPE a_total counter\na_total{flag=\"true\",path_name=\"C:\\\\\\\"x\\\"\\n\"} 1\n", await PageAsync());
    }

    [Fact]
    public async Task WriteAsync_SeriesThatIsNotObservedAnyMore_Vanishes()
    {
        List<string> models = ["old", "new"];
        _meter.CreateObservableGauge("state", () => models.Select(m => new Measurement<int>(1, new KeyValuePair<string, object?>("model", m))));
        Assert.Equal("# TYPE state gauge\nstate{model=\"old\"} 1\nstate{model=\"new\"} 1\n", await PageAsync());

        models.Remove("old");

        Assert.Equal("# TYPE state gauge\nstate{model=\"new\"} 1\n", await PageAsync());
    }

    [Fact]
    public async Task WriteAsync_Histogram_IsCumulative()
    {
        Histogram<double> histogram = _meter.CreateHistogram("h", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2] });
        histogram.Record(0.5);
        histogram.Record(1);
        histogram.Record(9);

        Assert.Equal(
            "# TYPE h_seconds histogram\nh_seconds_bucket{le=\"1\"} 2\nh_seconds_bucket{le=\"2\"} 2\nh_seconds_bucket{le=\"+Inf\"} 3\nh_seconds_sum 10.5\nh_seconds_count 3\n",
            await PageAsync());
    }

    [Fact]
    public async Task WriteAsync_MoreSeriesThanAnyoneNeeds_AreOneOverflow()
    {
        Counter<long> counter = _meter.CreateCounter<long>("a");
        for (int i = 0; i < 10_000; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        string page = await PageAsync();
        Assert.InRange(page.Split('\n').Length, 2000, 2010);
        Assert.Contains("otel_metric_overflow=\"true\"", page, StringComparison.Ordinal);
    }

    private async Task<string> PageAsync()
    {
        using PooledBufferWriter text = new();
        await _exporter.WriteAsync(PrometheusFormat.Text, text, CancellationToken.None);
        return Encoding.UTF8.GetString(text.Written.Span);
    }
}
