using System.Buffers;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices as a NumPy array, HW, uint8.</summary>
internal sealed class NpyLabelsEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        output.Write(new NpyHeader("|u1", FortranOrder: false, [content.Size.Height, content.Size.Width]).ToBytes());
        ReadOnlySpan<byte> labels = content.Labels.Span;
        labels.CopyTo(output.GetSpan(labels.Length)); // asked for at once: Write would grow the buffer step by step
        output.Advance(labels.Length);
    }
}
