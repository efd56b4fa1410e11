using System.Buffers;

namespace InferenceServer.Runtime.Encoding;

/// <summary>One byte a pixel, row by row.</summary>
internal sealed class RawEncoder : IMaskEncoder
{
    public string ContentType => "application/octet-stream";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output) =>
        output.Write(result.Labels.Labels.Span);
}
