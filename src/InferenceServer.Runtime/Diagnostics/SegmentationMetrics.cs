using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>Events as instruments of the meter <c>InferenceServer</c>; durations in seconds. Gauges of the current
/// state are in <see cref="Models.ModelGauges"/>.</summary>
/// <remarks>Names and labels are explained in docs/observability.md. Each label has few values: the label <c>model</c>
/// is the name of a model of the repository, or <see cref="NoModel"/>.</remarks>
internal sealed class SegmentationMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "InferenceServer";

    /// <summary>The label <c>model</c> of a request that names no model of the repository.</summary>
    public const string NoModel = "none";

    // .NET's default buckets are for milliseconds; these buckets run from half a millisecond to half a minute.
    private static readonly InstrumentAdvice<double> Seconds = Buckets<double>(
        0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30);

    private readonly ConcurrentDictionary<(string Model, int Version), InferenceStatistics> _statistics = [];
    private readonly Counter<long> _requests;
    private readonly Counter<long> _rejected;
    private readonly Counter<long> _cancelled;
    private readonly Histogram<double> _requestDuration;
    private readonly Histogram<double> _stageDuration;
    private readonly UpDownCounter<long> _inFlight;
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _padRatio;
    private readonly Histogram<double> _megapixels;
    private readonly Histogram<long> _outputBytes;
    private readonly Counter<long> _pixels;
    private readonly Counter<long> _reloads;

    /// <summary>Creates the instruments.</summary>
    public SegmentationMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(MeterName);
        _requests = meter.CreateCounter<long>(
            "seg_requests_total", "{request}",
            "Requests for a mask that were answered, by status; 499 is a client that went away.");
        _rejected = meter.CreateCounter<long>("seg_requests_rejected_total", "{request}", "Requests that got no mask, by reason.");
        _cancelled = meter.CreateCounter<long>(
            "seg_requests_cancelled_total",
            "{request}",
            "Requests whose client went away, by the stage they were in.");
        _requestDuration = meter.CreateHistogram(
            "seg_request_duration_seconds", "s",
            "Time of a request that got its mask, from the first byte read to the last written.", advice: Seconds);
        _stageDuration = meter.CreateHistogram("seg_stage_duration_seconds", "s", "Time of one request in one stage.", advice: Seconds);
        _inFlight = meter.CreateUpDownCounter<long>("seg_in_flight", "{request}", "Admitted requests without an answer yet.");
        _batchSize = meter.CreateHistogram(
            "seg_batch_size",
            "{image}",
            "Images in one run of the network.",
            advice: Buckets(1, 2, 4, 8, 16, 32, 64));
        _padRatio = meter.CreateHistogram(
            "seg_batch_pad_ratio", "1", "Share of an image's pixels in a batch that are padding.",
            advice: Buckets(0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75));
        _megapixels = meter.CreateHistogram(
            "seg_input_megapixels", "{megapixel}", "Size of the images that were segmented.",
            advice: Buckets(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100));
        _outputBytes = meter.CreateHistogram(
            "seg_output_bytes", "By", "Size of the answers.",
            advice: Buckets<long>(1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26));
        _pixels = meter.CreateCounter<long>("seg_pixels_total", "{pixel}", "Pixels of the images that were segmented.");
        _reloads = meter.CreateCounter<long>("seg_model_reloads_total", "{reload}", "Loads of a model beside one that served, by result.");
    }

    /// <summary>The sums of one version of a model since the server started, of the same events as the
    /// instruments.</summary>
    public InferenceStatistics Statistics(string model, int version) =>
        _statistics.GetOrAdd((model, version), static _ => new InferenceStatistics());

    /// <summary>Counts an admitted request.</summary>
    public void Entered(string model) => _inFlight.Add(1, MetricTags.Model(model));

    /// <summary>Counts the end of an admitted request, successful or not.</summary>
    public void Left(string model) => _inFlight.Add(-1, MetricTags.Model(model));

    /// <summary>Records a request that has ended, successful or not.</summary>
    /// <param name="model">Name of a model of the repository, or <see cref="NoModel"/>.</param>
    /// <param name="version">The model's version; 0 where no version was chosen.</param>
    /// <param name="route">The pattern of the route, not the path.</param>
    /// <param name="status">HTTP status; 499 for a client that disconnected.</param>
    /// <param name="duration">Time from the first byte read to the last byte written.</param>
    /// <param name="timings">The request's stages; stages that were not entered are not counted.</param>
    public void Ended(string model, int version, string route, int status, TimeSpan duration, StageTimings timings)
    {
        TagList tags = new()
        {
            MetricTags.Model(model), new("version", version == 0 ? "" : MetricTags.Number(version)),
            new("route", route), new("code", MetricTags.Number(status)),
        };
        _requests.Add(1, in tags);
        // Rejections take microseconds; with them, the percentiles would be lowest when the server is full.
        if (status < 400)
        {
            _requestDuration.Record(duration.TotalSeconds, MetricTags.Model(model), new("route", route));
        }

        if (version != 0)
        {
            Statistics(model, version).Ended(succeeded: status < 400, duration, timings);
        }

        if (_stageDuration.Enabled)
        {
            for (Stage stage = 0; (int)stage < StageTimings.Stages.Count; stage++)
            {
                if (timings.Entered(stage))
                {
                    _stageDuration.Record(
                        timings[stage].TotalSeconds, MetricTags.Model(model), MetricTags.Of(stage),
                        MetricTags.Priority(timings.IsBackground));
                }
            }
        }
    }

    /// <summary>Counts a rejected request.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="reason">The label <c>reason</c>: a small, closed set of words in snake case.</param>
    public void Rejected(string model, string reason) => _rejected.Add(1, MetricTags.Model(model), new("reason", reason));

    /// <summary>Counts a client that disconnected while its request was in <paramref name="stage"/>.</summary>
    public void Cancelled(Stage stage) => _cancelled.Add(1, MetricTags.Of(stage));

    /// <summary>Records a run of the network on a batch of this many images.</summary>
    public void Ran(string model, int version, int images, TimeSpan duration)
    {
        _batchSize.Record(images, MetricTags.Model(model));
        Statistics(model, version).Ran(images, duration);
    }

    /// <summary>Records the padding of an image in a batch.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="padRatio">Share of the input's pixels that are padding, 0 to 1.</param>
    public void Padded(string model, double padRatio) => _padRatio.Record(padRatio, MetricTags.Model(model));

    /// <summary>Counts a reload of a model, successful or not.</summary>
    public void Reloaded(string model, bool succeeded) =>
        _reloads.Add(1, MetricTags.Model(model), new("result", succeeded ? "success" : "failure"));

    /// <summary>Records the size of a response.</summary>
    public void Sent(string model, long bytes) => _outputBytes.Record(bytes, MetricTags.Model(model));

    /// <summary>Records an image that was segmented, and its encoded mask.</summary>
    internal void Segmented(string model, long pixels)
    {
        _pixels.Add(pixels, MetricTags.Model(model));
        _megapixels.Record(pixels * 1e-6, MetricTags.Model(model));
    }

    private static InstrumentAdvice<T> Buckets<T>(params ReadOnlySpan<T> bounds)
        where T : struct => new() { HistogramBucketBoundaries = bounds.ToArray() };
}

/// <summary>Values of labels, allocated once, so that a measurement allocates nothing.</summary>
internal static class MetricTags
{
    private static readonly string[] Numbers = [.. Enumerable.Range(0, 600).Select(n => n.ToString(CultureInfo.InvariantCulture))];

    private static readonly KeyValuePair<string, object?>[] Stages =
    [
        .. StageTimings.Names.Select(name => KeyValuePair.Create("stage", (object?)name))
    ];

    public static KeyValuePair<string, object?> Model(string name) => new("model", name);

    public static KeyValuePair<string, object?> Of(Stage stage) => Stages[(int)stage];

    /// <summary>The class in the queue, in the words of <c>?priority=</c>.</summary>
    public static KeyValuePair<string, object?> Priority(bool isBackground) => new("priority", isBackground ? "batch" : "interactive");

    /// <summary>Status codes and versions.</summary>
    public static string Number(int number)
    {
        if ((uint)number < (uint)Numbers.Length)
        {
            return Numbers[number];
        }

        return number.ToString(CultureInfo.InvariantCulture);
    }
}
