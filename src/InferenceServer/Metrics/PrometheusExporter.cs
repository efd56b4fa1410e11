using InferenceServer.Runtime.Buffers;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace InferenceServer.Metrics;

/// <summary>Collects all metrics when asked, and writes them as text. OpenTelemetry keeps the sums and buckets; this knows only how they are written.</summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    // By contract counters, by nature gauges: they go down, which a scraper takes for a restart.
    private static readonly HashSet<string> GaugesInDisguise = ["dotnet.thread_pool.thread.count", "dotnet.thread_pool.queue.length"];

    private readonly SemaphoreSlim _one = new(1);
    private PrometheusWriter? _writer;

    /// <summary>Set by the reader that this exporter is given to.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>Collects and writes; one caller at a time, the others wait.</summary>
    /// <param name="format">How.</param>
    /// <param name="output">Takes the text.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task WriteAsync(PrometheusFormat format, PooledBufferWriter output, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            _writer = new PrometheusWriter(output, format);
            Collect?.Invoke(Timeout.Infinite);
            _writer.End();
        }
        finally
        {
            _writer = null;
            _one.Release();
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        List<Metric> metrics = [];
        foreach (Metric metric in batch)
        {
            metrics.Add(metric);
        }

        // A family is one block, however many instruments share its name.
        foreach (IGrouping<string, Metric> family in metrics.GroupBy(m => PrometheusName.Family(m.Name, PrometheusName.Unit(m.Unit))).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            Write(family.Key, [.. family.Where(m => Type(m) == Type(family.First()))]);
        }

        return ExportResult.Success;
    }

    protected override void Dispose(bool disposing)
    {
        _one.Dispose();
        base.Dispose(disposing);
    }

    private static string Type(Metric metric) => metric.MetricType switch
    {
        MetricType.Histogram => "histogram",
        MetricType.LongSum or MetricType.DoubleSum when !GaugesInDisguise.Contains(metric.Name) => "counter",
        _ => "gauge",
    };

    private void Write(string family, IReadOnlyList<Metric> metrics)
    {
        _writer!.Head(family, Type(metrics[0]), PrometheusName.Unit(metrics[0].Unit), metrics[0].Description);
        foreach (Metric metric in metrics)
        {
            foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
            {
                string labels = PrometheusWriter.Labels(point.Tags);
                switch (Type(metric))
                {
                    case "histogram":
                        WriteBuckets(family, labels, metric, point);
                        break;
                    case "counter":
                        _writer.Sample(family + "_total", labels, Value(metric, point), Exemplars(metric, point).Cast<(double, Exemplar)?>().FirstOrDefault());
                        break;
                    default:
                        _writer.Sample(family, labels, Value(metric, point));
                        break;
                }
            }
        }
    }

    private static double Value(Metric metric, in MetricPoint point) => metric.MetricType switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => point.GetSumDouble(),
        MetricType.LongGauge => point.GetGaugeLastValueLong(),
        _ => point.GetGaugeLastValueDouble(),
    };

    private void WriteBuckets(string family, string labels, Metric metric, in MetricPoint point)
    {
        List<(double Value, Exemplar Origin)> exemplars = Exemplars(metric, point);
        long cumulative = 0;
        double below = double.NegativeInfinity;
        foreach (HistogramBucket bucket in point.GetHistogramBuckets())
        {
            cumulative += bucket.BucketCount;
            double bound = bucket.ExplicitBound;
            int seen = exemplars.FindIndex(e => e.Value > below && e.Value <= bound);
            _writer!.Bucket(family, labels, bound, cumulative, seen < 0 ? null : exemplars[seen]);
            below = bound;
        }

        _writer!.Sample(family + "_sum", labels, point.GetHistogramSum());
        // Not the point's own count: what is recorded in between must not make it differ from the last bucket.
        _writer.Sample(family + "_count", labels, cumulative);
    }

    private static List<(double Value, Exemplar Origin)> Exemplars(Metric metric, in MetricPoint point)
    {
        List<(double, Exemplar)> found = [];
        if (point.TryGetExemplars(out ReadOnlyExemplarCollection exemplars))
        {
            foreach (ref readonly Exemplar exemplar in exemplars)
            {
                // Histograms keep both kinds as doubles.
                found.Add((metric.MetricType == MetricType.LongSum ? exemplar.LongValue : exemplar.DoubleValue, exemplar));
            }
        }

        return found;
    }
}
