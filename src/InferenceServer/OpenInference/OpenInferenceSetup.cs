using InferenceServer.OpenInference.Grpc;
using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>Wires the protocol.</summary>
internal static class OpenInferenceSetup
{
    public static void AddOpenInference(this WebApplicationBuilder builder)
    {
        builder.Services.AddSection("OpenInference", new OpenInferenceOptionsValidator());
        builder.Services.AddSingleton<ModelCatalog>();
        builder.Services.AddSingleton<InferRunner>();
        builder.Services.AddSingleton<InferRoad>();
        builder.Services.AddCompression();
        builder.AddGrpcAddress();
    }
}
