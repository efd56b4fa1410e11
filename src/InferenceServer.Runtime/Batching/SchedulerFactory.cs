using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Batching;

/// <summary>Gives a model its scheduler, as the options say and its provider suggests.</summary>
internal sealed class SchedulerFactory(
    IOptions<SchedulingOptions> scheduling, IOptions<BatchingOptions> batching, SegmentationMetrics metrics,
    TimeProvider clock)
{
    /// <summary>The step that a model's inputs are padded to.</summary>
    /// <param name="provider">What computes it.</param>
    /// <param name="maxBatch">Most images that the graph takes.</param>
    /// <param name="bucket">The manifest's own step.</param>
    internal int BucketMultiple(ExecutionProvider provider, int maxBatch, int? bucket)
    {
        if (BatchLimits.For(batching.Value, provider, maxBatch).Images > 1)
        {
            return bucket ?? batching.Value.BucketMultiple;
        }

        return 1;
    }

    /// <summary>Starts the instances of one model.</summary>
    /// <param name="model">Its name, which its threads bear.</param>
    /// <param name="version">Its version.</param>
    /// <param name="session">The network that all of them run.</param>
    /// <param name="maxBatch">Most images that the graph takes.</param>
    /// <param name="bytesOfPixel">Bytes of the output for one pixel of the input.</param>
    internal BatchScheduler Create(string model, int version, IModelSession session, int maxBatch, double bytesOfPixel)
    {
        BatchLimits limits = BatchLimits.For(batching.Value, session.Provider, maxBatch);
        // ONNX Runtime's binding addresses at most 2 GB of an output.
        limits = limits with { Pixels = Math.Min(limits.Pixels, (long)(Array.MaxLength / Math.Max(bytesOfPixel, 1e-3))) };
        int instances = scheduling.Value.InstancesOn(gpu: session.Provider != ExecutionProvider.Cpu);
        return new BatchScheduler(model, session, limits, instances, new Backlog(instances, limits.Images, scheduling.Value, clock), clock)
        {
            Ran = (images, duration) => metrics.Ran(model, version, images, duration),
        };
    }
}
