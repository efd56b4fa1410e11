using System.Text.Json.Serialization;

namespace InferenceServer.Client;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ModelsAnswer))]
[JsonSerializable(typeof(ProblemAnswer))]
internal sealed partial class ClientJson : JsonSerializerContext;
