using System.Buffers;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Runtime.Formats;

/// <summary>The network's probability of every class at every pixel as a NumPy array, CHW, float32.</summary>
internal sealed class NpyProbabilitiesEncoder : IMaskEncoder
{
    private const int Header = 256; // bytes, with some to spare

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ReadOnlyMemory<float> probabilities = content.Probabilities;
        output.GetSpan(checked((probabilities.Length * sizeof(float)) + Header)); // at once, for it is large
        NpyFloats.Write(new BufferWriterStream(output), probabilities.Span, [content.Channels, content.Size.Height, content.Size.Width]);
    }
}
