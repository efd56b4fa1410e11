using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Fetching;

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
