using System.ComponentModel.DataAnnotations;
using InferenceServer.OpenInference.Grpc;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference;

/// <summary>The Open Inference Protocol; section <c>OpenInference</c>.</summary>
public sealed class OpenInferenceOptions
{
    /// <summary>Most bytes of a request, after decompression: a body over HTTP, a message over gRPC. Default 64
    /// MiB.</summary>
    [Range(1024, 1 << 30)]
    public int MaxMessageBytes { get; set; } = 64 << 20;

    /// <summary>The address of gRPC, such as <c>http://*:8001</c>; calls to the other addresses are answered, too. Default none: no
    /// gRPC.</summary>
    [RegularExpression(@"^https?://[^/:]+:[1-9]\d*$", ErrorMessage = "{0}: expected a scheme, a host and a port, such as http://*:8001.")]
    public string? GrpcUrl { get; set; }
}

[OptionsValidator]
internal sealed partial class OpenInferenceOptionsValidator : IValidateOptions<OpenInferenceOptions>;

/// <summary>Registers the services of the protocol.</summary>
internal static class OpenInferenceSetup
{
    public static void AddOpenInference(this WebApplicationBuilder builder)
    {
        builder.Services.AddSection("OpenInference", new OpenInferenceOptionsValidator());
        builder.Services.AddSingleton<ModelCatalog>();
        builder.Services.AddSingleton<InferHandler>();
        builder.AddGrpcAddress();
    }
}
