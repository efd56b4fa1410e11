using Microsoft.AspNetCore.Hosting;

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

        // Only an endpoint has protocols of its own, and addresses are ignored beside endpoints: so they become some, too.
        if (!configuration.GetSection(Endpoints).GetChildren().Any())
        {
            string[] addresses = (builder.WebHost.GetSetting(WebHostDefaults.ServerUrlsKey) ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries);
            for (int i = 0; i < addresses.Length; i++)
            {
                configuration[$"{Endpoints}:Address{i}:Url"] = addresses[i];
            }

            builder.WebHost.UseUrls("");
        }

        configuration[$"{Endpoints}:Grpc:Url"] = url;
        configuration[$"{Endpoints}:Grpc:Protocols"] = "Http2";
    }
}
