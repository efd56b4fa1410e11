using System.Diagnostics.Metrics;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Encoding;

namespace InferenceServer.Runtime.Tests.Diagnostics;

public sealed class SegmentationMetricsTests : IDisposable
{
    private readonly TestRuntime _runtime = new(Assets.Models);
    private readonly MeterListener _listener = new();
    private readonly List<(string Instrument, double Value, Dictionary<string, string> Tags)> _measured = [];

    public SegmentationMetricsTests()
    {
        _ = _runtime.Get<SegmentationMetrics>();
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

        Assert.Contains(_measured, m => m is { Instrument: "seg_provider_info", Value: 1 } && m.Tags["model"] == "tiny" && m.Tags["provider"] == "cpu");
        Assert.DoesNotContain(_measured, m => m.Instrument == "seg_provider_info" && m.Tags["model"] == "tiny-nan");
        Assert.Contains(_measured, m => m is { Instrument: "seg_model_state", Value: 1 } && m.Tags["model"] == "tiny-nan" && m.Tags["state"] == "UNAVAILABLE");
    }

    [Fact]
    public async Task Served_OneImage_CountsItsPixelsAndEveryStage()
    {
        using AdmittedRequest admitted = _runtime.Segmenter.Admit("tiny");
        using SegmentationResult result = await _runtime.Segmenter.SegmentAsync(admitted, new SegmentationRequest { Image = Assets.Image("rgb.png") }, CancellationToken.None);
        using PooledBufferWriter mask = new();
        _runtime.Segmenter.Encode(result, new EncodingParameters(MaskFormat.Png), mask);

        Assert.Equal(result.Labels.Size.Pixels, Assert.Single(_measured, m => m.Instrument == "seg_pixels_total").Value);
        Assert.Equal(StageTimings.Names, _measured.Where(m => m.Instrument == "seg_stage_duration_seconds").Select(m => m.Tags["stage"]));
    }

    public void Dispose()
    {
        _listener.Dispose();
        _runtime.Dispose();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _measured.Add((instrument.Name, value, tags.ToArray().ToDictionary(t => t.Key, t => (string)t.Value!)));
}
