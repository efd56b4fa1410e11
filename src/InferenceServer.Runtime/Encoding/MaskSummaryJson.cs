using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Encoding;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(MaskSummary))]
internal sealed partial class MaskSummaryJson : JsonSerializerContext;
