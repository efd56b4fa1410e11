using System.Buffers;
using Vips;

namespace InferenceServer.Runtime.Formats;

/// <summary>Grey PNG of the winning class's probability × 255.</summary>
internal sealed class ConfidencePngEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        using VipsImage image = VipsImage.FromPixels(content.Confidence, content.Size.Width, content.Size.Height, bands: 1);
        image.EncodePng(output, compression: 1);
    }
}
