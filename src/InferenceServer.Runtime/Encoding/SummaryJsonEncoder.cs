using System.Buffers;
using System.Text.Json;
using InferenceServer.Kernels.Labeling;

namespace InferenceServer.Runtime.Encoding;

/// <summary>Which classes a photograph holds, how much of each and where.</summary>
internal sealed class SummaryJsonEncoder : IMaskEncoder
{
    public string ContentType => "application/json";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        using Utf8JsonWriter writer = new(output);
        JsonSerializer.Serialize(writer, Summarize(result), MaskSummaryJson.Default.MaskSummary);
    }

    private static MaskSummary Summarize(SegmentationResult result)
    {
        IReadOnlyList<LabelRegion> present = LabelStatistics.Compute(result.Labels.Labels.Span, result.Labels.Size);
        return new MaskSummary
        {
            Model = result.Model.Name,
            Version = result.Model.Version,
            Width = result.Labels.Size.Width,
            Height = result.Labels.Size.Height,
            Classes = [.. present.Select(s => new ClassSummary
            {
                Index = s.Label,
                Name = s.Label < result.Classes.Names.Count ? result.Classes.Names[s.Label] : "void",
                Color = result.Classes.Color(s.Label),
                Pixels = s.Pixels,
                Share = Math.Round((double)s.Pixels / result.Labels.Size.Pixels, 6),
                Box = new BoxSummary { X = s.Left, Y = s.Top, Width = s.Width, Height = s.Height },
            })],
        };
    }
}
