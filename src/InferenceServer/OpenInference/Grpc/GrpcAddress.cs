namespace InferenceServer.OpenInference.Grpc;

/// <summary>Listens for gRPC on a further address.</summary>
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
            return;
        }

        builder.WebHost.UseUrls($"{builder.WebHost.GetSetting(WebHostDefaults.ServerUrlsKey)};{url}");
    }
}
