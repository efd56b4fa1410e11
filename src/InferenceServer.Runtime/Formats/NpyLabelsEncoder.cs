using System.Buffers;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices as a NumPy array, HW, uint8.</summary>
internal sealed class NpyLabelsEncoder : IMaskEncoder
{
    public string ContentType => NpyHeader.ContentType;

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        output.Write(new NpyHeader("|u1", FortranOrder: false, [result.Mask.Size.Height, result.Mask.Size.Width]).ToBytes());
        ReadOnlySpan<byte> labels = result.Mask.Labels.Span;
        labels.CopyTo(output.GetSpan(labels.Length)); // asked for at once: Write would grow the buffer step by step
        output.Advance(labels.Length);
    }
}
