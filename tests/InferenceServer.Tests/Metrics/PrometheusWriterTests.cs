using System.Text;
using InferenceServer.Metrics;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Tests.Metrics;

public sealed class PrometheusWriterTests
{
    [Theory]
    [InlineData("http.server.request.duration", "s", "http_server_request_duration_seconds")]
    [InlineData("seg_request_duration_seconds", "s", "seg_request_duration_seconds")]
    [InlineData("seg_requests_total", "{request}", "seg_requests")]
    [InlineData("process_cpu_seconds_total", "s", "process_cpu_seconds")]
    [InlineData("dotnet.gc.heap.total_allocated", "By", "dotnet_gc_heap_total_allocated_bytes")]
    [InlineData("seg_batch_pad_ratio", "1", "seg_batch_pad_ratio")]
    [InlineData("2d-größe", "", "_2d_gr__e")]
    public void Family_AnyInstrument_IsAPrometheusName(string instrument, string unit, string family) =>
        Assert.Equal(family, PrometheusName.Family(instrument, PrometheusName.Unit(unit)));

    [Fact]
    public void Head_Text_NamesTheCounterAsItsSample() =>
        Assert.Equal("# TYPE a_seconds_total counter\n# HELP a_seconds_total A \"b\" \\\\ c\\nd\n", Written(PrometheusFormat.Text, w => w.Head("a_seconds", "counter", "seconds", "A \"b\" \\ c\nd")));

    [Fact]
    public void Head_OpenMetrics_HasAUnitAndEscapesQuotes() =>
        Assert.Equal("# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds A \\\"b\\\"\n", Written(PrometheusFormat.OpenMetrics, w => w.Head("a_seconds", "counter", "seconds", "A \"b\"")));

    [Theory]
    [InlineData(double.NaN, "a NaN\n")]
    [InlineData(double.PositiveInfinity, "a +Inf\n")]
    [InlineData(double.NegativeInfinity, "a -Inf\n")]
    [InlineData(1e-7, "a 1E-07\n")]
    [InlineData(3, "a 3\n")]
    public void Sample_AnyNumber_IsWrittenAsGoReadsIt(double value, string line) => Assert.Equal(line, Written(PrometheusFormat.Text, w => w.Sample("a", "", value)));

    [Fact]
    public void Sample_Bucket_HasACanonicalBound()
    {
        Assert.Equal("a_bucket{le=\"1.0\"} 2\n", Written(PrometheusFormat.OpenMetrics, w => w.Bucket("a", "", 1, 2)));
        Assert.Equal("a_bucket{le=\"+Inf\"} 2\n", Written(PrometheusFormat.OpenMetrics, w => w.Bucket("a", "", double.PositiveInfinity, 2)));
        Assert.Equal("a_bucket{b=\"c\",le=\"0.5\"} 2\n", Written(PrometheusFormat.OpenMetrics, w => w.Bucket("a", "b=\"c\"", 0.5, 2)));
    }

    private static string Written(PrometheusFormat format, Action<PrometheusWriter> write)
    {
        using PooledBufferWriter text = new();
        write(new PrometheusWriter(text, format));
        return Encoding.UTF8.GetString(text.Written.Span);
    }
}
