using System.Buffers;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Runtime.Formats;

/// <summary>The network's probability of every class at every pixel as a NumPy array, CHW, float32.</summary>
internal sealed class NpyProbabilitiesEncoder : IMaskEncoder
{
    private const int Header = 256; // bytes, with some to spare

    public string ContentType => NpyHeader.ContentType;

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        Memory<float> probabilities = result.Mask.Probabilities;
        output.GetSpan(checked((probabilities.Length * sizeof(float)) + Header)); // at once, for it is large
        NpyFloats.Write(new BufferWriterStream(output), probabilities.Span, [result.Model.Postprocessor.Classes, result.Mask.Size.Height, result.Mask.Size.Width]);
    }
}
