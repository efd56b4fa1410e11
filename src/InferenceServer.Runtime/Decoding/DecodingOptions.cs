using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Limits of one image; section <c>Decoding</c>.</summary>
public sealed class DecodingOptions
{
    /// <summary>Most bytes of an encoded image. Default 64 MiB.</summary>
    [Range(typeof(long), "1024", "1073741824")]
    public long MaxBytes { get; set; } = 64L << 20;

    /// <summary>Most pixels of an image, width × height, checked before a pixel is decoded. Default 100
    /// million.</summary>
    [Range(typeof(long), "1", "700000000")]
    public long MaxPixels { get; set; } = 100_000_000;
}

[OptionsValidator]
internal sealed partial class DecodingOptionsValidator : IValidateOptions<DecodingOptions>;
