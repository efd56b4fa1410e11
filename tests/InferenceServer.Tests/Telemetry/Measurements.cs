using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Telemetry;

/// <summary>What one server measures, as sums by name and labels: <c>seg_requests_total{code=200,model=tiny,…}</c>.</summary>
internal sealed class Measurements : IDisposable
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, double> _sums = [];

    public Measurements(SegmentationServer server)
    {
        object factory = server.Services.GetRequiredService<IMeterFactory>(); // other servers have meters of the same name
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

    public double this[string series] => _sums.GetValueOrDefault(series);

    public void Dispose() => _listener.Dispose();

    /// <summary>Waits for a sum: a request is over a moment after its client has the answer.</summary>
    public async Task UntilAsync(string series, double value)
    {
        using CancellationTokenSource timeout = new(MaxWait);
        while (this[series] != value)
        {
            Assert.False(
                timeout.IsCancellationRequested,
                $"{series} is {this[series]}, not {value}; there are: {string.Join(' ', _sums)}");
            await Task.Delay(1);
        }
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        IEnumerable<string> labels = tags.ToArray().OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => $"{t.Key}={t.Value}");
        string series = $"{instrument.Name}{{{string.Join(',', labels)}}}";
        _sums.AddOrUpdate(series, value, (_, sum) => sum + value);
    }
}
