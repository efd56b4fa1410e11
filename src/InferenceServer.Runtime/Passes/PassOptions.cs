using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Passes;

/// <summary>What several passes of one request may cost; section <c>Inference</c>. docs/segment.md explains them.</summary>
public sealed class PassOptions
{
    /// <summary>Most scales of one request. Default 8.</summary>
    [Range(1, 64)]
    public int MaxScales { get; set; } = 8;

    /// <summary>Smallest scale. Default 0.25.</summary>
    [Range(0.01, 1.0)]
    public double SmallestScale { get; set; } = 0.25;

    /// <summary>Largest scale. Default 2.</summary>
    [Range(1.0, 16.0)]
    public double LargestScale { get; set; } = 2;

    /// <summary>Most pixels that a request may run through the network where it asks for tiles, scales or mirrored passes: all of them, overlap and padding included. Default 64 Mi.</summary>
    [Range(1L, 1L << 40)]
    public long MaxInputPixels { get; set; } = 64L << 20;

    /// <summary>Most bytes that a request may hold beside the image and its mask: scores of unfinished rows, or of all where probabilities or a refinement are asked for, resized strips, tiles in flight. Also most bytes of a network's own output and the answer made of it. Default 1 GiB.</summary>
    [Range(1L << 20, 1L << 32)]
    public long MaxBytes { get; set; } = 1L << 30;

    /// <summary>Tiles of one request that are prepared, waiting, running or waiting to be added, at most; 0 takes one more than all instances of the model run at once. Default 0.</summary>
    [Range(0, 1024)]
    public int TilesInFlight { get; set; }
}

[OptionsValidator]
internal sealed partial class PassOptionsValidator : IValidateOptions<PassOptions>;
