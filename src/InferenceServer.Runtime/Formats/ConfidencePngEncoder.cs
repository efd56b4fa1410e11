using System.Buffers;
using Vips;

namespace InferenceServer.Runtime.Formats;

/// <summary>Grey PNG of the winning class's probability × 255.</summary>
internal sealed class ConfidencePngEncoder : IMaskEncoder
{
    public string ContentType => "image/png";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        using VipsImage image = VipsImage.FromPixels(result.Mask.Confidence, result.Mask.Size.Width, result.Mask.Size.Height, bands: 1);
        image.EncodePng(output, compression: 1);
    }
}
