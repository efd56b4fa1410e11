using System.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>Grey PNG of the winning class's probability × 255.</summary>
internal sealed class ConfidencePngEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        PixelFile.Write(content.Confidence, content.Size, bands: 1, jpegQuality: null, output);
    }
}
