using Microsoft.Extensions.Options;

namespace InferenceServer.Fetching;

/// <summary>Hosts are hosts, not addresses of pages.</summary>
internal sealed class FetchConsistency : IValidateOptions<FetchOptions>
{
    public ValidateOptionsResult Validate(string? name, FetchOptions options)
    {
        string[] failures =
        [
            .. from host in options.Hosts.Concat(options.PrivateHosts)
               where HostPattern.Parse(host) is null
               select $"Fetch:Hosts: expected hosts such as images.example.org, *.example.org or example.org:8443, found '{host}'.",
        ];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
