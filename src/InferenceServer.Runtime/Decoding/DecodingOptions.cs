using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Limits on the images that callers send; section <c>Decoding</c>.</summary>
public sealed class DecodingOptions
{
    /// <summary>Most bytes of an encoded image. Default 64 MiB.</summary>
    [Range(1024, 1L << 31)]
    public long MaxBytes { get; set; } = 64L << 20;

    /// <summary>Most pixels, width × height, checked before any is decoded. Default 100 million.</summary>
    [Range(1, 1_000_000_000)]
    public long MaxPixels { get; set; } = 100_000_000;
}
