using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Listens for gRPC at an address of its own: without TLS, nothing tells HTTP/2 from HTTP/1 on one port.</summary>
internal static class GrpcAddress
{
    private const string Endpoints = "Kestrel:Endpoints";

    /// <summary>Called once all other addresses are known.</summary>
    public static void AddGrpcAddress(this WebApplicationBuilder builder)
    {
        ConfigurationManager configuration = builder.Configuration;
        if (configuration["OpenInference:GrpcUrl"] is not { Length: > 0 } url)
        {
            return;
        }

        GrpcServices.Add(builder.Services);
        if (configuration.GetSection(Endpoints).GetChildren().Any())
        {
            // Addresses are ignored beside endpoints, and so this has to be one.
            configuration[$"{Endpoints}:Grpc:Url"] = url;
            configuration[$"{Endpoints}:Grpc:Protocols"] = nameof(HttpProtocols.Http2);
            return;
        }

        builder.WebHost.UseUrls($"{builder.WebHost.GetSetting(WebHostDefaults.ServerUrlsKey)};{url}");
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<OpenInferenceOptions>>((kestrel, options) =>
        {
            int port = BindingAddress.Parse(options.Value.GrpcUrl!).Port; // of the options, which are validated
            kestrel.ConfigureEndpointDefaults(endpoint =>
                endpoint.Protocols = endpoint.IPEndPoint?.Port == port ? HttpProtocols.Http2 : endpoint.Protocols);
        });
    }
}
