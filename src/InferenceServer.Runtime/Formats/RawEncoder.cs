using System.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>One byte a pixel, row by row.</summary>
internal sealed class RawEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> labels = content.Labels.Span;
        labels.CopyTo(output.GetSpan(labels.Length)); // one request: Write alone would grow the buffer in steps
        output.Advance(labels.Length);
    }
}
