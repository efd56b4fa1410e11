using System.Diagnostics.Metrics;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Tests.Diagnostics;

public sealed class SegmentationMetricsTests : IDisposable
{
    private readonly TestRuntime _runtime = new(Assets.Models);
    private readonly MeterListener _listener = new();
    private readonly List<(string Instrument, double Value, Dictionary<string, string> Tags)> _measured = [];

    public SegmentationMetricsTests()
    {
        _ = _runtime.Get<SegmentationMetrics>();
        _ = _runtime.Get<ModelGauges>();
        object factory = _runtime.Get<IMeterFactory>(); // other tests have meters of the same name
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == SegmentationMetrics.MeterName && instrument.Meter.Scope == factory)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Add(i, value, tags));
        _listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Add(i, value, tags));
        _listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Add(i, value, tags));
        _listener.Start();
    }

    [Fact]
    public void ProviderInfo_OfReadyModels_NamesWhatRunsThem()
    {
        _listener.RecordObservableInstruments();

        Assert.Contains(
            _measured,
            m =>
                m is { Instrument: "seg_provider_info", Value: 1 }
                    && m.Tags["model"] == "tiny"
                    && m.Tags["provider"] == "cpu");
        Assert.DoesNotContain(_measured, m => m.Instrument == "seg_provider_info" && m.Tags["model"] == "tiny-nan");
        Assert.Contains(
            _measured,
            m =>
                m is { Instrument: "seg_model_state", Value: 1 }
                    && m.Tags["model"] == "tiny-nan"
                    && m.Tags["state"] == "UNAVAILABLE");
    }

    [Fact]
    public void Gauges_Always_TellLoadTimeAndBuild()
    {
        _listener.RecordObservableInstruments();

        Assert.Contains(
            _measured,
            m =>
                m is { Instrument: "seg_model_load_seconds", Value: > 0 }
                    && m.Tags["model"] == "tiny"
                    && m.Tags["version"] == "1");
        Assert.Contains(
            _measured,
            m =>
                m is { Instrument: "seg_warmup_seconds", Value: > 0 }
                    && m.Tags["model"] == "tiny"
                    && m.Tags["version"] == "1");
        Assert.Contains(_measured, m => m is { Instrument: "seg_provider_fallback_total", Value: 0 });
        Assert.All(
            ["seg_queue_depth", "seg_queue_pixels", "seg_running"],
            name => Assert.Contains(_measured, m => m.Instrument == name && m.Tags["model"] == "tiny" && m.Value == 0));
        Assert.Contains(
            _measured,
            m =>
                m is { Instrument: "seg_build_info", Value: 1 }
                    && m.Tags["ort_version"].StartsWith("1.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Encode_OneImage_CountsItsPixels()
    {
        using AdmittedRequest admitted = _runtime.Segmenter.Admit("tiny", CancellationToken.None);
        using PooledBufferWriter mask = new();
        using SegmentationResult result = await _runtime.Segmenter.SegmentAsync(
            admitted, new() { Image = Assets.Image("rgb.png"), Output = mask });

        Assert.Equal(result.Mask.Size.Pixels, Assert.Single(_measured, m => m.Instrument == "seg_pixels_total").Value);
        Assert.Equal(result.Mask.Size.Pixels * 1e-6, Assert.Single(_measured, m => m.Instrument == "seg_input_megapixels").Value, 1e-12);
    }

    [Fact]
    public void Ended_Answered_RecordsDurationAndTheStagesThatWereEntered()
    {
        StageTimings timings = new();
        timings.Add(Stage.Read, TimeSpan.FromSeconds(1));
        timings.Add(Stage.Infer, TimeSpan.FromSeconds(2));
        Metrics.Ended("tiny", 3, "/v1/segment/{model}", 200, TimeSpan.FromSeconds(4), timings);

        Dictionary<string, string> tags = Assert.Single(_measured, m => m is { Instrument: "seg_requests_total", Value: 1 }).Tags;
        Assert.Equal(new() { ["model"] = "tiny", ["version"] = "3", ["route"] = "/v1/segment/{model}", ["code"] = "200" }, tags);
        Assert.Equal(4, Assert.Single(_measured, m => m.Instrument == "seg_request_duration_seconds").Value);
        Assert.Equal(
            [("read", 1), ("infer", 2)],
            _measured.Where(m => m.Instrument == "seg_stage_duration_seconds").Select(m => (m.Tags["stage"], m.Value)));
        Assert.All(_measured.Where(m => m.Tags.ContainsKey("stage")), m => Assert.Equal("interactive", m.Tags["priority"]));
    }

    [Fact]
    public void Ended_Refused_LeavesTheDurationsAlone()
    {
        Metrics.Ended(SegmentationMetrics.NoModel, 0, "/v1/segment", 404, TimeSpan.FromSeconds(1), new StageTimings());

        Assert.Equal("seg_requests_total", Assert.Single(_measured).Instrument);
        Assert.Equal("", _measured[0].Tags["version"]);
    }

    [Fact]
    public void Rejected_Reason_IsALabel()
    {
        Metrics.Rejected("tiny", "queue_full");

        Assert.Equal("queue_full", Assert.Single(_measured).Tags["reason"]);
    }

    [Fact]
    public void Cancelled_EveryStage_HasItsLabel()
    {
        foreach (Stage stage in StageTimings.Stages)
        {
            Metrics.Cancelled(stage);
        }

        Assert.Equal(
            ["read", "decode", "preprocess", "queue", "infer", "postprocess", "crf", "encode", "write"],
            _measured.Select(m => m.Tags["stage"]));
    }

    [Fact]
    public void HotPath_OneRequest_AllocatesNothing()
    {
        StageTimings timings = new();
        timings.Add(Stage.Infer, TimeSpan.FromSeconds(1));
        _listener.Dispose(); // the listener of these tests keeps what it hears
        using MeterListener deaf = new() { InstrumentPublished = (instrument, listener) => listener.EnableMeasurementEvents(instrument) };
        deaf.SetMeasurementEventCallback<long>((_, _, _, _) => { });
        deaf.SetMeasurementEventCallback<int>((_, _, _, _) => { });
        deaf.SetMeasurementEventCallback<double>((_, _, _, _) => { });
        deaf.Start();
        Record(timings);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Record(timings);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private SegmentationMetrics Metrics => _runtime.Get<SegmentationMetrics>();

    private void Record(StageTimings timings)
    {
        Metrics.Entered("tiny");
        Metrics.Ran("tiny", 1, 2, TimeSpan.FromMilliseconds(3));
        Metrics.Padded("tiny", 0.1);
        Metrics.Segmented("tiny", 100);
        Metrics.Sent("tiny", 100);
        Metrics.Ended("tiny", 1, "/v1/segment", 200, TimeSpan.FromSeconds(1), timings);
        Metrics.Rejected("tiny", "queue_full");
        Metrics.Cancelled(Stage.Queue);
        Metrics.Left("tiny");
    }

    public void Dispose()
    {
        _listener.Dispose();
        _runtime.Dispose();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _measured.Add((instrument.Name, value, tags.ToArray().ToDictionary(t => t.Key, t => (string)t.Value!)));
}
