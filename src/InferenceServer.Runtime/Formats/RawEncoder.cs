using System.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>One byte a pixel, row by row.</summary>
internal sealed class RawEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> labels = content.Labels.Span;
        labels.CopyTo(output.GetSpan(labels.Length)); // asked for at once: Write would grow the buffer step by step
        output.Advance(labels.Length);
    }
}
