using System.Diagnostics;
using System.Text.Json.Serialization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Cli.Bench;

/// <summary>The results of a benchmark; the JSON report has these members in snake_case.</summary>
internal sealed record BenchReport
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The model's version.</summary>
    public required int Version { get; init; }

    /// <summary>The execution provider.</summary>
    public required string Provider { get; init; }

    /// <summary>Whether a GPU normalises 8-bit images by itself.</summary>
    public required bool DeviceNormalizes { get; init; }

    /// <summary>Whether a GPU finds the labels where an answer needs no scores.</summary>
    public required bool DeviceFindsLabels { get; init; }

    /// <summary>The network's number format.</summary>
    public required string Variant { get; init; }

    /// <summary>The image that was segmented.</summary>
    public string Image { get; init; } = "";

    /// <summary>Size of the network's input, width × height.</summary>
    public required string Input { get; init; }

    /// <summary>Time of reading, trial and warm-up of the model.</summary>
    public required double LoadMs { get; init; }

    /// <summary>Number of measured pairs.</summary>
    public required int Runs { get; init; }

    /// <summary>The network alone.</summary>
    public required Latency Raw { get; init; }

    /// <summary>The full request.</summary>
    public required Latency Full { get; init; }

    /// <summary>The stages of a request.</summary>
    public required IReadOnlyList<StageShare> Stages { get; init; }

    /// <summary>Median of full ÷ raw over the pairs.</summary>
    public required double MedianOfRatios { get; init; }

    /// <summary>Median of full requests ÷ median of the network alone.</summary>
    public required double RatioOfMedians { get; init; }

    /// <summary>Requests a second, one after the other.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>Peak resident memory of the process, in bytes.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Median of the managed memory that a request allocates, in bytes.</summary>
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
            DeviceNormalizes = model.Session.PixelLayout is not null,
            DeviceFindsLabels = model.Session.Labels is not null,
            Variant = model.Variant.ToString().ToLowerInvariant(),
            Input = $"{input.Width}x{input.Height}",
            LoadMs = model.LoadTime.TotalMilliseconds,
            Runs = samples.Count,
            Raw = raw,
            Full = full,
            Stages =
            [
                .. StageTimings.Stages
                    .Where(stage => stage is not (Stage.Read or Stage.Write))
                    .Select(stage => Share(stage, samples, full.P50Ms)),
            ],
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

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;

/// <summary>A distribution of times, in milliseconds.</summary>
/// <param name="MeanMs">Mean.</param>
/// <param name="P50Ms">Median.</param>
/// <param name="P90Ms">90th percentile.</param>
/// <param name="P99Ms">99th percentile.</param>
/// <param name="MaxMs">Longest.</param>
internal sealed record Latency(double MeanMs, double P50Ms, double P90Ms, double P99Ms, double MaxMs)
{
    /// <summary>Summarises at least one time.</summary>
    public static Latency Of(IEnumerable<TimeSpan> times)
    {
        double[] ms = [.. times.Select(t => t.TotalMilliseconds)];
        return new Latency(ms.Average(), Percentile(ms, 0.5), Percentile(ms, 0.9), Percentile(ms, 0.99), ms.Max());
    }

    /// <summary>The value below which <paramref name="share"/> of the values lie; linear between neighbours, as in
    /// NumPy.</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        double position = share * (sorted.Length - 1);
        int lower = (int)position;
        int upper = Math.Min(lower + 1, sorted.Length - 1);
        return sorted[lower] + ((position - lower) * (sorted[upper] - sorted[lower]));
    }
}

/// <summary>One pair of measurements.</summary>
/// <param name="Raw">A run of the network on a prepared input.</param>
/// <param name="Full">A request, from encoded bytes to an encoded mask.</param>
/// <param name="Stages">The request's stages.</param>
/// <param name="AllocatedBytes">Managed memory that the request allocated.</param>
internal sealed record RequestSample(TimeSpan Raw, TimeSpan Full, StageTimings Stages, long AllocatedBytes);

/// <summary>One stage of a request.</summary>
/// <param name="Stage">The stage's name, as in metrics.</param>
/// <param name="MedianMs">Median over the requests.</param>
/// <param name="Share">The median's share of the median request, 0 to 1.</param>
internal sealed record StageShare(string Stage, double MedianMs, double Share);
