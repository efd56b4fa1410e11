using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Fetching;

/// <summary>Which images the server fetches for callers; section <c>Fetch</c>. None unless hosts are listed.</summary>
public sealed class FetchOptions
{
    /// <summary>Hosts on the Internet, such as <c>images.example.org</c>, <c>*.example.org</c> or <c>example.org:8443</c>; an address within a private network is never asked on their behalf. Default none.</summary>
    public IList<string> Hosts { get; } = [];

    /// <summary>Hosts that may have any address, for those beside this server. Default none.</summary>
    public IList<string> PrivateHosts { get; } = [];

    /// <summary>Longest time until an image is there whole, up to ten minutes. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:10:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Most redirections, each of which leads to a listed host. Default 3.</summary>
    [Range(0, 20)]
    public int MaxRedirects { get; set; } = 3;

    /// <summary>The same with one host more that may have any address.</summary>
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

/// <summary>Hosts are hosts, not addresses of pages.</summary>
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
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}

/// <summary>Wires the fetching of images by URL.</summary>
internal static class FetchSetup
{
    public static void AddFetching(this IServiceCollection services)
    {
        services.AddSection("Fetch", new FetchOptionsValidator());
        services.AddSingleton<IValidateOptions<FetchOptions>, FetchConsistency>();
        services.AddSingleton<ImageFetcher>();
    }
}
