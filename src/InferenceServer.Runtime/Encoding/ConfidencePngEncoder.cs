using System.Buffers;
using Vips;

namespace InferenceServer.Runtime.Encoding;

/// <summary>Grey PNG of the winning class's probability × 255.</summary>
internal sealed class ConfidencePngEncoder : IMaskEncoder
{
    public string ContentType => "image/png";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        using VipsImage image = VipsImage.FromPixels(result.Labels.Confidence, result.Labels.Size.Width, result.Labels.Size.Height, bands: 1);
        image.EncodePng(output, compression: 1);
    }
}
