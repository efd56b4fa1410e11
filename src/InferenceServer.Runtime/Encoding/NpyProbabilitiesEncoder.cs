using System.Buffers;
using InferenceServer.Runtime.Arrays;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Encoding;

/// <summary>The network's probability of every class at every pixel as a NumPy array, CHW, float32.</summary>
internal sealed class NpyProbabilitiesEncoder : IMaskEncoder
{
    private const int Header = 256; // bytes, with some to spare

    public string ContentType => NpyHeader.ContentType;

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        Memory<float> probabilities = result.Labels.Probabilities;
        output.GetSpan(checked((probabilities.Length * sizeof(float)) + Header)); // at once, for it is large
        NpyFloats.Write(new BufferWriterStream(output), probabilities.Span, [result.Model.Postprocessor.Classes, result.Labels.Size.Height, result.Labels.Size.Width]);
    }
}
