using System.Buffers;

namespace InferenceServer.Runtime.Encoding;

/// <summary>Class indices in an <see cref="IndexedPng"/> with the classes' colours.</summary>
internal sealed class IndexedPngEncoder : IMaskEncoder
{
    public string ContentType => "image/png";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output) =>
        IndexedPng.Write(result.Labels.Labels.Span, result.Labels.Size, result.Classes.Palette, output);
}
