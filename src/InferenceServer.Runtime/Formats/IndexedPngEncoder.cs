using System.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices in an <see cref="IndexedPng"/> with the classes' colours.</summary>
internal sealed class IndexedPngEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output) =>
        IndexedPng.Write(content.Labels.Span, content.Size, content.Classes.Palette, output);
}
