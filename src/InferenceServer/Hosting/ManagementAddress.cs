using System.Net;
using InferenceServer.Errors;
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
        IConfigurationSection[] endpoints = [.. configuration.GetSection("Kestrel:Endpoints").GetChildren()];
        string[] others = [.. endpoints.Length > 0 ? endpoints.Select(endpoint => endpoint["Url"] ?? "") : Urls(configuration)];
        builder.Services.AddSingleton<IValidateOptions<HostingOptions>>(new ManagementConsistency([.. others, configuration["OpenInference:GrpcUrl"] ?? ""]));
        if (endpoints.Length == 0)
        {
            builder.WebHost.UseUrls(string.Join(';', others.Append(management).Where(url => url.Length > 0)));
        }
        else if (management.Length > 0)
        {
            configuration["Kestrel:Endpoints:Management:Url"] = management; // addresses are ignored beside endpoints, and so this has to be one
        }
    }

    /// <summary>Operators use this endpoint, and nobody else.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="hint">A sentence, after a blank, for those who ask for it at the address of the others.</param>
    public static TBuilder ForOperators<TBuilder>(this TBuilder endpoint, string hint = "")
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new Marker(hint));

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
            Marker? forOperators = http.GetEndpoint()?.Metadata.GetMetadata<Marker>();
            return forOperators is not null == (http.Connection.LocalPort == port) || http.Request.Path.StartsWithSegments("/health")
                ? next(http)
                : Problem.WriteAsync(http, StatusCodes.Status404NotFound, $"There is nothing at {http.Request.Path} on this port.{forOperators?.Hint}");
        });
    }

    private static IEnumerable<string> Urls(ConfigurationManager configuration)
    {
        IEnumerable<string> urls = configuration["urls"] is { Length: > 0 } given ? given.Split(';', StringSplitOptions.RemoveEmptyEntries) : [.. Ports("http"), .. Ports("https")];
        return urls.DefaultIfEmpty(Usual).Select(Checked);

        IEnumerable<string> Ports(string scheme) =>
            (configuration[scheme + "_ports"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(port => $"{scheme}://*:{port}");
    }

    private static string Checked(string url)
    {
        try
        {
            BindingAddress address = BindingAddress.Parse(url.Trim());
            bool isWeb = address.Scheme.ToUpperInvariant() is "HTTP" or "HTTPS";
            bool isHost = address.IsUnixPipe || address.Host.StartsWith('[') || !address.Host.Contains(':'); // no port: a word is taken for a part of the host
            if (isWeb && isHost && address.Port is >= IPEndPoint.MinPort and <= IPEndPoint.MaxPort)
            {
                return url;
            }
        }
        catch (FormatException)
        {
            // Not even the shape of an address.
        }

        throw new StartUpException($"--urls: expected an address such as http://localhost:8080 or http://*:8080, got '{url}'.");
    }

    private sealed record Marker(string Hint);
}

/// <summary>Holds the operators' address to a port of its own: a connection's port, and nothing else, says whom it is for.</summary>
/// <param name="others">The other addresses, as they were given.</param>
internal sealed class ManagementConsistency(IReadOnlyList<string> others) : IValidateOptions<HostingOptions>
{
    public ValidateOptionsResult Validate(string? name, HostingOptions options) => Port(options.ManagementUrl) switch
    {
        null => ValidateOptionsResult.Success, // none, or not an address, which its attribute says
        0 => ValidateOptionsResult.Fail("Hosting:ManagementUrl: expected a port that is known beforehand, not 0."),
        int port when others.FirstOrDefault(other => Port(other) == port) is { } same =>
            ValidateOptionsResult.Fail($"Hosting:ManagementUrl: its port is also that of {same}; choose one that no other address has, whatever their hosts."),
        _ => ValidateOptionsResult.Success,
    };

    private static int? Port(string? url)
    {
        try
        {
            return string.IsNullOrWhiteSpace(url) ? null : BindingAddress.Parse(url.Trim()).Port;
        }
        catch (FormatException)
        {
            return null; // the server refuses it where it listens
        }
    }
}
