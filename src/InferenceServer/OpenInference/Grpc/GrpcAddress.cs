using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Listens for gRPC on a separate address: without TLS, HTTP/1 and HTTP/2 cannot share a port.</summary>
internal static class GrpcAddress
{
    private const string Endpoints = "Kestrel:Endpoints";

    /// <summary>Adds the address; called when all other addresses are known.</summary>
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
            // Kestrel ignores plain addresses where endpoints are configured, so this address must be an endpoint.
            configuration[$"{Endpoints}:Grpc:Url"] = url;
            configuration[$"{Endpoints}:Grpc:Protocols"] = nameof(HttpProtocols.Http2);
            return;
        }

        builder.WebHost.UseUrls($"{builder.WebHost.GetSetting(WebHostDefaults.ServerUrlsKey)};{url}");
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<OpenInferenceOptions>>((kestrel, options) =>
        {
            // The options are validated; the configuration is not.
            int port = BindingAddress.Parse(options.Value.GrpcUrl!).Port;
            kestrel.ConfigureEndpointDefaults(endpoint =>
                endpoint.Protocols = endpoint.IPEndPoint?.Port == port ? HttpProtocols.Http2 : endpoint.Protocols);
        });
    }
}
