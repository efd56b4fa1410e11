using InferenceServer.Runtime.Diagnostics;

namespace InferenceServer.OpenInference;

/// <summary>Runs of the network with one number of images.</summary>
public sealed record BatchStats
{
    /// <summary>How many images shared the run.</summary>
    public required long BatchSize { get; init; }

    /// <summary>Inputs are prepared for each request, not for each run: counted here, timed there.</summary>
    public required StatisticDuration ComputeInput { get; init; }

    /// <summary>The runs.</summary>
    public required StatisticDuration ComputeInfer { get; init; }

    /// <summary>Outputs are read for each request, not for each run: counted here, timed there.</summary>
    public required StatisticDuration ComputeOutput { get; init; }

    internal static BatchStats Of(int images, DurationSum runs) => new()
    {
        BatchSize = images,
        ComputeInput = new StatisticDuration { Count = runs.Count },
        ComputeInfer = StatisticDuration.Of(runs),
        ComputeOutput = new StatisticDuration { Count = runs.Count },
    };
}
