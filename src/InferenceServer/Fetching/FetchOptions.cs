using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Fetching;

/// <summary>Images by URL; section <c>Fetch</c>. Without listed hosts the server fetches nothing.</summary>
public sealed class FetchOptions
{
    /// <summary>Hosts on the Internet that images are fetched from: <c>example.org</c> (ports 80 and 443),
    /// <c>*.example.org</c> (all hosts below it) or <c>example.org:8443</c>. Their addresses in private networks are
    /// refused. Default none.</summary>
    public IList<string> Hosts { get; } = [];

    /// <summary>The same for hosts that may have any address, such as hosts in the server's own network. Default
    /// none.</summary>
    public IList<string> PrivateHosts { get; } = [];

    /// <summary>Longest time to fetch an image. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:10:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Most redirects; each must lead to a listed host. Default 3.</summary>
    [Range(0, 20)]
    public int MaxRedirects { get; set; } = 3;

    /// <summary>A copy with one more host that may have any address.</summary>
    internal FetchOptions And(string privateHost)
    {
        FetchOptions more = new() { Timeout = Timeout, MaxRedirects = MaxRedirects };
        foreach (string host in Hosts)
        {
            more.Hosts.Add(host);
        }

        foreach (string host in PrivateHosts.Append(privateHost))
        {
            more.PrivateHosts.Add(host);
        }

        return more;
    }
}

[OptionsValidator]
internal sealed partial class FetchOptionsValidator : IValidateOptions<FetchOptions>;

/// <summary>Checks that each host is a host, not a URL.</summary>
internal sealed class FetchConsistency : IValidateOptions<FetchOptions>
{
    public ValidateOptionsResult Validate(string? name, FetchOptions options)
    {
        string[] failures =
        [
            .. from host in options.Hosts.Concat(options.PrivateHosts)
               where HostPattern.Parse(host) is null
               select $"Fetch:Hosts: expected hosts such as images.example.org, *.example.org or example.org:8443, got '{host}'.",
        ];
        if (failures.Length == 0)
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(failures);
    }
}

/// <summary>Registers the services for images by URL.</summary>
internal static class FetchSetup
{
    public static void AddFetching(this IServiceCollection services)
    {
        services.AddSection("Fetch", new FetchOptionsValidator());
        services.AddSingleton<IValidateOptions<FetchOptions>, FetchConsistency>();
        services.AddSingleton<ImageFetcher>();
    }
}
