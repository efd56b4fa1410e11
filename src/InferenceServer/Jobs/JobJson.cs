using System.Text.Json.Serialization;

namespace InferenceServer.Jobs;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(JobRequest))]
[JsonSerializable(typeof(JobStatus))]
internal sealed partial class JobJson : JsonSerializerContext;
