using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>The address under which clients see the server: the path prefix, and what trusted proxies say of a
/// request. It runs before all else, so that no other part needs to know of proxies.</summary>
internal static partial class PublicAddress
{
    /// <summary>The pattern of a prefix. A prefix becomes part of links: it must not begin with two slashes, which
    /// browsers take for a host, and must not hold what a header or a page would need to escape.</summary>
    public const string Prefix = @"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+";

    /// <summary>The word for proxies that are connected by a Unix socket, and so have no address.</summary>
    public const string UnixSockets = "unix";

    // Set by the environment variable ASPNETCORE_FORWARDEDHEADERS_ENABLED.
    private const string TrustAll = "ForwardedHeaders_Enabled";

    /// <summary>Checks the options for proxies, and refuses the framework's own switch, which trusts every
    /// client.</summary>
    /// <exception cref="StartUpException">The switch is on.</exception>
    public static void AddPublicAddress(this WebApplicationBuilder builder)
    {
        if (string.Equals(builder.Configuration[TrustAll], "true", StringComparison.OrdinalIgnoreCase))
        {
            throw new StartUpException(
                "ASPNETCORE_FORWARDEDHEADERS_ENABLED: expected no such setting, got true, which trusts every client. "
                + "Set Hosting:TrustedProxies to the addresses or networks of your proxies.");
        }

        builder.Services.AddSingleton<IValidateOptions<HostingOptions>, TrustedProxiesValidator>();
    }

    /// <summary>Takes scheme, host, prefix and client from trusted proxies and the prefix from the path; then
    /// routes.</summary>
    public static void UsePublicAddress(this WebApplication app)
    {
        HostingOptions options = app.Services.GetRequiredService<IOptions<HostingOptions>>().Value;
        if (options.TrustedProxies.Count > 0)
        {
            bool trustsSockets = options.TrustedProxies.Contains(UnixSockets);
            ForwardedHeadersOptions forwarded = Forwarded(options, app.Configuration["AllowedHosts"]);
            // The middleware trusts every peer without an address.
            app.UseWhen(
                http => http.Connection.RemoteIpAddress is not null || trustsSockets,
                branch => branch.Use(Clean).UseForwardedHeaders(forwarded));
        }

        if (options.PathBase is { Length: > 0 } prefix)
        {
            app.Use((http, next) => RemovePrefix(http, prefix, next));
        }

        app.UseRouting(); // else the framework would route first, by the path with the prefix
    }

    private static ForwardedHeadersOptions Forwarded(HostingOptions options, string? allowedHosts)
    {
        ForwardedHeadersOptions forwarded = new() { ForwardedHeaders = ForwardedHeaders.All, ForwardLimit = options.ProxyHops };
        forwarded.KnownIPNetworks.Clear(); // this machine, which not everybody trusts
        forwarded.KnownProxies.Clear();
        foreach (string proxy in options.TrustedProxies.Where(proxy => proxy != UnixSockets))
        {
            if (IPAddress.TryParse(proxy, out IPAddress? address))
            {
                forwarded.KnownProxies.Add(address);
            }
            else
            {
                forwarded.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy));
            }
        }

        if (forwarded.KnownProxies.Count + forwarded.KnownIPNetworks.Count == 0)
        {
            forwarded.KnownProxies.Add(IPAddress.None); // two empty lists would trust every address
        }

        forwarded.AllowedHosts = (allowedHosts ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return forwarded;
    }

    // A trusted proxy may pass on what a client sent. Schemes become labels, prefixes become links.
    private static Task Clean(HttpContext http, RequestDelegate next)
    {
        IHeaderDictionary headers = http.Request.Headers;
        string[] schemes = headers.GetCommaSeparatedValues(ForwardedHeadersDefaults.XForwardedProtoHeaderName);
        if (!Array.TrueForAll(schemes, scheme => scheme.ToUpperInvariant() is "HTTP" or "HTTPS"))
        {
            headers.Remove(ForwardedHeadersDefaults.XForwardedProtoHeaderName);
        }

        string[] prefixes = headers.GetCommaSeparatedValues(ForwardedHeadersDefaults.XForwardedPrefixHeaderName);
        if (prefixes.Length > 0)
        {
            headers.Remove(ForwardedHeadersDefaults.XForwardedPrefixHeaderName);
            string[] trimmed = Array.ConvertAll(prefixes, prefix => prefix.TrimEnd('/'));
            if (Array.TrueForAll(trimmed, WholePrefix().IsMatch))
            {
                headers.SetCommaSeparatedValues(ForwardedHeadersDefaults.XForwardedPrefixHeaderName, trimmed);
            }
        }

        return next(http);
    }

    // Unlike UsePathBase it never puts the prefix back: headers are set and lines are logged after the request's end.
    private static Task RemovePrefix(HttpContext http, string prefix, RequestDelegate next)
    {
        HttpRequest request = http.Request;
        if (request.Path.StartsWithSegments(prefix, out PathString matched, out PathString rest))
        {
            request.Path = rest;
            if (request.PathBase != matched) // a proxy that keeps the prefix may name the prefix, too
            {
                request.PathBase += matched;
            }
        }

        return next(http);
    }

    [GeneratedRegex("^" + Prefix + @"\z", RegexOptions.ExplicitCapture)]
    private static partial Regex WholePrefix();
}
