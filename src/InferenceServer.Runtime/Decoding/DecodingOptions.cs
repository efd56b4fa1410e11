using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Limits on the images that callers send; section <c>Decoding</c>.</summary>
public sealed class DecodingOptions
{
    /// <summary>Most bytes of an encoded image. Default 64 MiB.</summary>
    [Range(typeof(long), "1024", "1073741824")]
    public long MaxBytes { get; set; } = 64L << 20;

    /// <summary>Most pixels, width × height, checked before any is decoded. Default 100 million; at most 700 million, whose RGB bytes one array still holds.</summary>
    [Range(typeof(long), "1", "700000000")]
    public long MaxPixels { get; set; } = 100_000_000;
}
