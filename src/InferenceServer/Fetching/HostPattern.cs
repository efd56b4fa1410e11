using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Fetching;

/// <summary>A listed host that images may come from.</summary>
/// <param name="Name">The DNS name without <c>*.</c>, or an address without brackets.</param>
/// <param name="IsSuffix">Whether the pattern means all hosts below the name, but not the name itself.</param>
/// <param name="Port">The port; null is the scheme's default port.</param>
internal sealed record HostPattern(string Name, bool IsSuffix, int? Port)
{
    /// <summary>Parses a host of the configuration.</summary>
    /// <returns>Null where the text is not a host.</returns>
    public static HostPattern? Parse(string text)
    {
        bool isSuffix = text.StartsWith("*.", StringComparison.Ordinal);
        string name = isSuffix ? text[2..] : text;
        int? port = null;
        if (!name.EndsWith(']') && name.LastIndexOf(':') is >= 0 and int colon)
        {
            ReadOnlySpan<char> digits = name.AsSpan(colon + 1);
            if (!ushort.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) || number == 0)
            {
                return null;
            }

            (name, port) = (name[..colon], number);
        }

        bool isHost = Uri.CheckHostName(name) is not (UriHostNameType.Unknown or UriHostNameType.Basic);
        // Uri gives the name the form that it has in requests: IDN in ASCII, an address without brackets.
        if (isHost && Uri.TryCreate($"http://{name}/", UriKind.Absolute, out Uri? url))
        {
            return new HostPattern(url.IdnHost, isSuffix, port);
        }

        return null;
    }

    /// <summary>Whether the pattern means this host and port.</summary>
    public bool Matches(string host, int port, bool isUsualPort) =>
        (Port is { } own ? own == port : isUsualPort)
        && (
            IsSuffix
                ? host.EndsWith("." + Name, StringComparison.OrdinalIgnoreCase)
                : host.Equals(Name, StringComparison.OrdinalIgnoreCase));
}

/// <summary>Tells public addresses from those of this machine, private networks, and the metadata services of
/// clouds.</summary>
/// <remarks>IANA's registries of special-purpose addresses for IPv4 and IPv6.</remarks>
internal static class PublicAddress
{
    private static readonly IPNetwork[] Special =
    [
        .. ((string[])[
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        ]).Select(n => IPNetwork.Parse(n)),
    ];

    // Global unicast of IPv6; addresses outside are local, or wrap an IPv4 address.
    private static readonly IPNetwork Unicast = IPNetwork.Parse("2000::/3");

    public static bool Is(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return (address.AddressFamily == AddressFamily.InterNetwork || Unicast.Contains(address)) && !Special.Any(
            n => n.Contains(address));
    }
}
