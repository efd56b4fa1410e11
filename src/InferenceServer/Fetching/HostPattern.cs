using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Fetching;

/// <summary>A host that images may come from.</summary>
/// <param name="Name">Its name as in DNS, without the star; an address without brackets.</param>
/// <param name="IsSuffix">Whether all hosts below it are meant, and it is not.</param>
/// <param name="Port">Its port; null is the usual one of the scheme.</param>
internal sealed record HostPattern(string Name, bool IsSuffix, int? Port)
{
    /// <summary>Reads what stands in the configuration.</summary>
    /// <returns>Null if that is no host.</returns>
    public static HostPattern? Parse(string text)
    {
        bool isSuffix = text.StartsWith("*.", StringComparison.Ordinal);
        string authority = isSuffix ? text[2..] : text;
        int colon = authority.EndsWith(']') ? -1 : authority.LastIndexOf(':');
        int? port = colon < 0 ? null : int.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is > 0 and < 65536 ? number : -1;
        string name = colon < 0 ? authority : authority[..colon];
        // As requests name it: the letters of the Internet, an address without brackets.
        return port is not -1 && Uri.CheckHostName(name) is not (UriHostNameType.Unknown or UriHostNameType.Basic) && Uri.TryCreate($"http://{name}/", UriKind.Absolute, out Uri? url)
            ? new HostPattern(url.IdnHost, isSuffix, port) : null;
    }

    /// <summary>Whether a host is meant.</summary>
    public bool Matches(string host, int port, bool isUsualPort) =>
        (Port is { } own ? own == port : isUsualPort)
        && (IsSuffix ? host.EndsWith("." + Name, StringComparison.OrdinalIgnoreCase) : host.Equals(Name, StringComparison.OrdinalIgnoreCase));
}

/// <summary>Which addresses are on the Internet, and not this machine's, its network's, or those that clouds keep for their secrets.</summary>
/// <remarks>IANA's registries of special-purpose addresses for IPv4 and IPv6.</remarks>
internal static class PublicAddress
{
    private static readonly IPNetwork[] Special =
    [
        .. ((string[])[
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        ]).Select(n => IPNetwork.Parse(n)),
    ];

    // All of IPv6 that is handed out; what lies outside is local, or wraps an IPv4 address.
    private static readonly IPNetwork Unicast = IPNetwork.Parse("2000::/3");

    public static bool Is(IPAddress address)
    {
        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return (address.AddressFamily == AddressFamily.InterNetwork || Unicast.Contains(address)) && !Special.Any(n => n.Contains(address));
    }
}
