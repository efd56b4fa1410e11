using System.Buffers;
using System.Text.Json;

namespace InferenceServer.Runtime.Formats;

/// <summary>Which classes an image holds, how much of each and where.</summary>
internal sealed class SummaryJsonEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        using Utf8JsonWriter writer = new(output);
        JsonSerializer.Serialize(writer, MaskSummary.Of(content), MaskSummaryJson.Default.MaskSummary);
    }
}
