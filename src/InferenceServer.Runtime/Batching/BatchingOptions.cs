using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Batching;

/// <summary>How images share a run of the network; section <c>Batching</c>. docs/scaling.md measures what that
/// gains.</summary>
public sealed class BatchingOptions
{
    /// <summary>Most images in one run; 0 is 1 on a CPU and 8 on a GPU. The manifest's <c>graph.max_batch</c> is a
    /// further limit. Default 0.</summary>
    [Range(0, 1024)]
    public int MaxBatchSize { get; set; }

    /// <summary>Most input pixels in one run, with padding. A larger image runs alone. Default 4 Mi.</summary>
    [Range(1L, 1L << 30)]
    public long MaxBatchPixels { get; set; } = 4L << 20;

    /// <summary>Where batches are allowed, inputs are padded to multiples of this, so that images of unlike sizes share
    /// a run;
    /// the manifest's <c>preprocess.size.bucket</c> overrides it. Padding changes the answers of networks that pool
    /// over the whole image. Default 1: no further padding.</summary>
    [Range(1, 4096)]
    public int BucketMultiple { get; set; } = 1;

    /// <summary>Longest time that an idle instance waits for more images; it waits only while an admitted request is
    /// still being prepared. Default 2 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:01")]
    public TimeSpan MaxQueueDelay { get; set; } = TimeSpan.FromMilliseconds(2);
}

[OptionsValidator]
internal sealed partial class BatchingOptionsValidator : IValidateOptions<BatchingOptions>;
