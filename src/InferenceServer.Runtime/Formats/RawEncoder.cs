using System.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>One byte a pixel, row by row.</summary>
internal sealed class RawEncoder : IMaskEncoder
{
    public string ContentType => "application/octet-stream";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> labels = result.Mask.Labels.Span;
        labels.CopyTo(output.GetSpan(labels.Length)); // asked for at once: Write would grow the buffer step by step
        output.Advance(labels.Length);
    }
}
