using InferenceServer.Cli.Evaluate;
using InferenceServer.Runtime;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>An image that the network has seen, and its truth.</summary>
/// <param name="Result">Photograph, labels and probabilities.</param>
/// <param name="Truth">Of the same size.</param>
internal sealed record TuningImage(SegmentationResult Result, LabelPng Truth) : IDisposable
{
    public void Dispose() => Result.Dispose();
}
