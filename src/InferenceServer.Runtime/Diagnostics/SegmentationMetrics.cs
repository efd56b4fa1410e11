using System.Diagnostics.Metrics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>The instruments of the meter <c>InferenceServer</c>; durations in seconds.</summary>
public sealed class SegmentationMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "InferenceServer";

    private static readonly KeyValuePair<string, object?>[] StageTags =
        [.. StageTimings.Names.Select(name => KeyValuePair.Create("stage", (object?)name))];

    // .NET's default buckets are for milliseconds; these run from half a millisecond to half a minute.
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
    };

    private readonly Histogram<double> _stageDuration;
    private readonly Counter<long> _pixels;

    /// <summary>Creates the instruments.</summary>
    public SegmentationMetrics(IMeterFactory meters, ModelRepository repository)
    {
        Meter meter = meters.Create(MeterName);
        _stageDuration = meter.CreateHistogram<double>("seg_stage_duration_seconds", "s", "Time of one image in one stage.", tags: null, Seconds);
        _pixels = meter.CreateCounter<long>("seg_pixels_total", "{pixel}", "Pixels of the photographs that were segmented.");
        meter.CreateObservableGauge("seg_provider_info", () => Providers(repository), description: "1 for the provider that runs the model.");
        meter.CreateObservableGauge("seg_model_state", () => States(repository), description: "1 for the state that the model is in.");
    }

    internal void Served(SegmentationResult result)
    {
        _pixels.Add(result.Labels.Size.Pixels, KeyValuePair.Create("model", (object?)result.Model.Name));
        if (!_stageDuration.Enabled)
        {
            return;
        }

        KeyValuePair<string, object?> model = new("model", result.Model.Name);
        foreach (Stage stage in StageTimings.Stages)
        {
            _stageDuration.Record(result.Timings[stage].TotalSeconds, model, StageTags[(int)stage]);
        }
    }

    private static IEnumerable<Measurement<int>> Providers(ModelRepository repository) =>
        from entry in repository.Entries
        where entry.Model is not null
        select new Measurement<int>(1, new("model", entry.Name), new("provider", entry.Model.Session.Provider.ToString().ToLowerInvariant()));

    private static IEnumerable<Measurement<int>> States(ModelRepository repository) =>
        repository.Entries.Select(e => new Measurement<int>(1, new("model", e.Name), new("state", e.State.ToString().ToUpperInvariant())));
}
