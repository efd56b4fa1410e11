using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

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
