using System.Diagnostics;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Cli.Bench;

/// <summary>What was measured; the JSON report is this in snake_case.</summary>
internal sealed record BenchReport
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>Its version.</summary>
    public required int Version { get; init; }

    /// <summary>What computed the network.</summary>
    public required string Provider { get; init; }

    /// <summary>The image that was sent.</summary>
    public string Image { get; init; } = "";

    /// <summary>The network's input, width × height.</summary>
    public required string Input { get; init; }

    /// <summary>Time that reading, trying and warming the model took.</summary>
    public required double LoadMs { get; init; }

    /// <summary>Number of measured pairs.</summary>
    public required int Runs { get; init; }

    /// <summary>The bare network.</summary>
    public required Latency Raw { get; init; }

    /// <summary>The whole request.</summary>
    public required Latency Full { get; init; }

    /// <summary>Where a request's time goes.</summary>
    public required IReadOnlyList<StageShare> Stages { get; init; }

    /// <summary>Median over the pairs of full ÷ raw.</summary>
    public required double MedianOfRatios { get; init; }

    /// <summary>Median of full ÷ median of raw.</summary>
    public required double RatioOfMedians { get; init; }

    /// <summary>Requests a second, one after another.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>The most memory the process has held so far, in bytes.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Managed memory that a request allocates: the median, in bytes.</summary>
    public required double AllocatedBytesPerRequest { get; init; }

    /// <summary>Summarises at least one pair.</summary>
    public static BenchReport Create(LoadedModel model, ImageSize input, IReadOnlyList<RequestSample> samples)
    {
        Latency raw = Latency.Of(samples.Select(s => s.Raw));
        Latency full = Latency.Of(samples.Select(s => s.Full));
        using Process process = Process.GetCurrentProcess();
        return new BenchReport
        {
            Model = model.Name,
            Version = model.Version,
            Provider = model.Session.Provider.ToString().ToLowerInvariant(),
            Input = $"{input.Width}x{input.Height}",
            LoadMs = model.LoadTime.TotalMilliseconds,
            Runs = samples.Count,
            Raw = raw,
            Full = full,
            Stages = [.. StageTimings.Stages.Where(stage => stage is not (Stage.Read or Stage.Write)).Select(stage => Share(stage, samples, full.P50Ms))],
            MedianOfRatios = Latency.Percentile(samples.Select(s => s.Full / s.Raw), 0.5),
            RatioOfMedians = full.P50Ms / raw.P50Ms,
            ImagesPerSecond = 1000 / full.MeanMs,
            PeakResidentBytes = process.PeakWorkingSet64,
            AllocatedBytesPerRequest = Latency.Percentile(samples.Select(s => (double)s.AllocatedBytes), 0.5),
        };
    }

    private static StageShare Share(Stage stage, IReadOnlyList<RequestSample> samples, double fullMs)
    {
        double median = Latency.Percentile(samples.Select(s => s.Stages[stage].TotalMilliseconds), 0.5);
        return new StageShare(stage.ToString().ToLowerInvariant(), median, median / fullMs);
    }
}
