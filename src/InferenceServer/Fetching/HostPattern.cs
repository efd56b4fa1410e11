using System.Globalization;

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
