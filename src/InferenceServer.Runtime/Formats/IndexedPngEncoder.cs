using System.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices in an <see cref="IndexedPng"/> with the classes' colours.</summary>
internal sealed class IndexedPngEncoder : IMaskEncoder
{
    public string ContentType => "image/png";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output) =>
        IndexedPng.Write(result.Mask.Labels.Span, result.Mask.Size, result.Classes.Palette, output);
}
