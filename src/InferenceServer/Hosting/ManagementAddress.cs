using System.Net;
using System.Net.Sockets;
using InferenceServer.Errors;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>Moves operators' endpoints to the management address, where one is configured. Both addresses serve the
/// probes.</summary>
internal static class ManagementAddress
{
    private const string Key = "Hosting:ManagementUrl";
    private const string Usual = "http://*:8080";

    /// <summary>Adds the management address to the server's addresses.</summary>
    public static void AddManagementAddress(this WebApplicationBuilder builder)
    {
        ConfigurationManager configuration = builder.Configuration;
        string management = configuration[Key] ?? "";
        IConfigurationSection[] endpoints = [.. configuration.GetSection("Kestrel:Endpoints").GetChildren()];
        string[] others = [.. endpoints.Length > 0 ? endpoints.Select(endpoint => endpoint["Url"] ?? "") : Urls(configuration)];
        builder.Services.AddSingleton<IValidateOptions<HostingOptions>>(
            new ManagementConsistency([.. others, configuration["OpenInference:GrpcUrl"] ?? ""]));
        if (endpoints.Length == 0)
        {
            builder.WebHost.UseUrls(string.Join(';', others.Append(management).Where(url => url.Length > 0)));
        }
        else if (management.Length > 0)
        {
            // Kestrel ignores plain addresses where endpoints are configured, so the management address becomes an
            // endpoint.
            configuration["Kestrel:Endpoints:Management:Url"] = management;
        }
    }

    /// <summary>Restricts an endpoint to the management address, where one is configured.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="hint">A sentence, after a space, for the error at other addresses.</param>
    public static TBuilder ForOperators<TBuilder>(this TBuilder endpoint, string hint = "")
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new Marker(hint));

    /// <summary>Responds with 404 at the wrong address. The connection's port decides, because the client chooses the
    /// header Host.</summary>
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
            bool isHere = forOperators is not null == (http.Connection.LocalPort == port);
            if (isHere || http.Request.Path.StartsWithSegments("/health"))
            {
                return next(http);
            }

            string message = $"There is nothing at {http.Request.PathBase + http.Request.Path} on this port.{forOperators?.Hint}";
            return Problem.WriteAsync(http, StatusCodes.Status404NotFound, message);
        });
    }

    private static IEnumerable<string> Urls(ConfigurationManager configuration)
    {
        IEnumerable<string> urls = configuration["urls"] is { Length: > 0 } given
            ? given.Split(';', StringSplitOptions.RemoveEmptyEntries)
            : [.. Ports("http"), .. Ports("https")];
        return urls.DefaultIfEmpty(Usual).Select(Checked);

        IEnumerable<string> Ports(string scheme) =>
            (configuration[scheme + "_ports"] ?? "")
                .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(port => $"{scheme}://*:{port}");
    }

    private static string Checked(string url)
    {
        try
        {
            BindingAddress address = BindingAddress.Parse(url.Trim());
            bool isWeb = address.Scheme.ToUpperInvariant() is "HTTP" or "HTTPS";
            // BindingAddress reads a port that is not a number as a part of the host.
            bool isHost = address.IsUnixPipe || address.Host.StartsWith('[') || !address.Host.Contains(':');
            if (isWeb && isHost && address.Port is >= IPEndPoint.MinPort and <= IPEndPoint.MaxPort)
            {
                return url;
            }
        }
        catch (FormatException)
        {
            // The text is not an address.
        }

        throw new StartUpException(
            $"--urls: expected an address such as http://localhost:8080 or http://*:8080, got '{url}'.");
    }

    private sealed record Marker(string Hint);
}

/// <summary>Checks that the management address has its own port, which identifies its connections.</summary>
/// <param name="others">The other addresses.</param>
internal sealed class ManagementConsistency(IReadOnlyList<string> others) : IValidateOptions<HostingOptions>
{
    public ValidateOptionsResult Validate(string? name, HostingOptions options) => Port(options.ManagementUrl) switch
    {
        null => ValidateOptionsResult.Success, // no address, or an invalid address, which the option's attribute rejects
        0 => ValidateOptionsResult.Fail(
            "Hosting:ManagementUrl: expected a port from 1 to 65535, got 0. Choose a port."),
        int port when others.FirstOrDefault(other => Port(other) == port) is { } same =>
            ValidateOptionsResult.Fail(
                $"Hosting:ManagementUrl: expected a port of its own, got that of {same}. "
                + "Choose a port that no other address has."),
        _ => ValidateOptionsResult.Success,
    };

    private static int? Port(string? url)
    {
        try
        {
            if (string.IsNullOrWhiteSpace(url))
            {
                return null;
            }

            return BindingAddress.Parse(url.Trim()).Port;
        }
        catch (FormatException)
        {
            return null; // Kestrel reports it
        }
    }
}

/// <summary>Unix sockets among the server's addresses.</summary>
internal static class UnixSocketAddresses
{
    private const string SocketFile = "a socket";

    /// <summary>The path of the socket that an address names; null for other addresses.</summary>
    public static string? PathOf(string? address)
    {
        try
        {
            if (BindingAddress.Parse(address?.Trim() ?? "") is { IsUnixPipe: true } socket)
            {
                return socket.UnixPipePath;
            }
        }
        catch (FormatException)
        {
            // Kestrel reports it.
        }

        return null;
    }

    /// <summary>Removes the sockets that a killed process has left behind; otherwise the address would be in use for
    /// ever.</summary>
    /// <exception cref="StartUpException">Another process listens at a socket.</exception>
    public static void RemoveStaleSockets(this WebApplication app)
    {
        IConfiguration configuration = app.Configuration;
        IEnumerable<string?> endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"]);
        string[] urls = (configuration["urls"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries);
        foreach (string path in endpoints.Concat(urls).Append(configuration["OpenInference:GrpcUrl"]).Select(PathOf).OfType<string>())
        {
            if (!File.Exists(path) || (OperatingSystem.IsLinux() && RegularFile.Obstacle(path) != SocketFile))
            {
                continue; // Kestrel reports a file
            }

            if (IsListening(path))
            {
                throw new StartUpException(
                    $"http://unix:{path}: expected a socket of this server's own, but another process listens there. "
                    + "Stop that process, or choose another path with --urls.");
            }

            File.Delete(path);
            Log.StaleSocket(app.Logger, path);
        }
    }

    private static bool IsListening(string path)
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode != SocketError.ConnectionRefused;
        }
    }
}
