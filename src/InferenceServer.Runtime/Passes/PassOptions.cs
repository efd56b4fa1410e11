using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Passes;

/// <summary>Limits of requests with several passes; section <c>Inference</c>. docs/segment.md explains
/// passes.</summary>
public sealed class PassOptions
{
    /// <summary>Most scales of one request. Default 8.</summary>
    [Range(1, 64)]
    public int MaxScales { get; set; } = 8;

    /// <summary>Smallest scale of a request. Default 0.25.</summary>
    [Range(0.01, 1.0)]
    public double SmallestScale { get; set; } = 0.25;

    /// <summary>Largest scale of a request. Default 2.</summary>
    [Range(1.0, 16.0)]
    public double LargestScale { get; set; } = 2;

    /// <summary>Most pixels that a request with tiles, scales or mirroring may run through the network, over all
    /// passes, including overlap and padding. Default 64 Mi.</summary>
    [Range(1L, 1L << 40)]
    public long MaxInputPixels { get; set; } = 64L << 20;

    /// <summary>Most bytes that a request may use beside the image and its mask: scores of unfinished rows (of all
    /// rows for probabilities and refinement, and scores that come with the image), resized strips, and tiles in flight.
    /// Also the limit on a network's raw output together with the response made from that output, and on what writing a
    /// mask takes. Default 1 GiB.</summary>
    [Range(1L << 20, 1L << 32)]
    public long MaxBytes { get; set; } = 1L << 30;

    /// <summary>Most tiles of one request in flight at once; 0 is one more than all instances of the model run at
    /// once. Default 0.</summary>
    [Range(0, 1024)]
    public int TilesInFlight { get; set; }
}

[OptionsValidator]
internal sealed partial class PassOptionsValidator : IValidateOptions<PassOptions>;
