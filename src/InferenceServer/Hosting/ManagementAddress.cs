using InferenceServer.Problems;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Keeps what operators use from the address that clients use, where there are two. Probes answer on both.</summary>
internal static class ManagementAddress
{
    private const string Key = "Hosting:ManagementUrl";
    private const string Usual = "http://*:8080";

    /// <summary>Listens there as well.</summary>
    public static void AddManagementAddress(this WebApplicationBuilder builder)
    {
        ConfigurationManager configuration = builder.Configuration;
        string management = configuration[Key] ?? "";
        if (configuration.GetSection("Kestrel:Endpoints").GetChildren().Any())
        {
            // Addresses are ignored beside endpoints, and so this has to be one.
            if (management.Length > 0)
            {
                configuration["Kestrel:Endpoints:Management:Url"] = management;
            }

            return;
        }

        IEnumerable<string> urls = configuration["urls"] is { Length: > 0 } given ? [given] : [.. Ports("http"), .. Ports("https")];
        builder.WebHost.UseUrls(string.Join(';', urls.DefaultIfEmpty(Usual).Append(management).Where(url => url.Length > 0)));

        IEnumerable<string> Ports(string scheme) =>
            (configuration[scheme + "_ports"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(port => $"{scheme}://*:{port}");
    }

    /// <summary>Operators use this endpoint, and nobody else.</summary>
    public static TBuilder ForOperators<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(Marker.Instance);

    /// <summary>Answers 404 at the wrong address. The connection's own port counts: the header Host says what its sender likes.</summary>
    public static void UseManagementAddress(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<HostingOptions>>().Value.ManagementUrl is not { Length: > 0 } url)
        {
            return;
        }

        int port = BindingAddress.Parse(url).Port;
        app.Use((http, next) =>
        {
            bool isForOperators = http.GetEndpoint()?.Metadata.GetMetadata<Marker>() is not null;
            return isForOperators == (http.Connection.LocalPort == port) || http.Request.Path.StartsWithSegments("/health")
                ? next(http)
                : Problem.WriteAsync(http, StatusCodes.Status404NotFound, $"There is nothing at {http.Request.Path} on this port.");
        });
    }

    private sealed class Marker
    {
        public static readonly Marker Instance = new();
    }
}
