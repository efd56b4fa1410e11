using System.Buffers;
using System.Runtime.InteropServices;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices row by row, without a header: bytes, or 16-bit little-endian numbers.</summary>
internal sealed class RawEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output) => Write(content, output);

    /// <summary>Writes the class index of each pixel.</summary>
    public static void Write(MaskContent content, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> labels = content.Labels.Span;
        if (!content.WideLabels.IsEmpty)
        {
            labels = MemoryMarshal.AsBytes(content.WideLabels.Span);
        }

        Write(labels, output);
    }

    /// <summary>Writes bytes.</summary>
    public static void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        bytes.CopyTo(output.GetSpan(bytes.Length)); // one request: the writer alone would grow the buffer in steps
        output.Advance(bytes.Length);
    }
}
