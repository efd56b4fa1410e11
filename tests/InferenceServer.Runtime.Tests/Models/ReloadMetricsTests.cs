using System.Diagnostics.Metrics;
using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.Runtime.Tests.Models;

/// <summary>Loads beside a version that serves are counted, first loads are not.</summary>
public sealed class ReloadMetricsTests : IDisposable
{
    private readonly ModelsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reload_GoodThenBad_CountsBoth()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        object factory = runtime.Get<IMeterFactory>();
        List<string?> results = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Name == "seg_model_reloads_total" && instrument.Meter.Scope == factory)
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) => results.Add($"{tags[0].Value} {tags[1].Value}"));
        _ = runtime.Get<SegmentationMetrics>();
        listener.Start();

        runtime.Repository.Reload("tiny", CancellationToken.None);
        File.WriteAllText(_folder.Add("tiny", 2), "no graph");
        runtime.Repository.Reload("tiny", CancellationToken.None);

        // The older version is loaded afresh, too, when the newer one fails.
        Assert.Equal("tiny success", results[0]);
        Assert.Contains("tiny failure", results);
    }
}
