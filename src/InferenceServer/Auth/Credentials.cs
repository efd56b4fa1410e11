using System.Net.Http.Headers;
using System.Text;

namespace InferenceServer.Auth;

/// <summary>The key or token that a request carries.</summary>
internal static class Credentials
{
    /// <summary>A header of its own for keys.</summary>
    public const string KeyHeader = "X-API-Key";

    private const int MaxBasic = 1024;

    /// <summary>The key or token; null without one, empty where the header holds neither.</summary>
    public static string? Of(HttpRequest request)
    {
        // Of two headers of a name, the proxy in front and this server might believe in different ones.
        if (request.Headers.Authorization is [{ } authorization])
        {
            return !AuthenticationHeaderValue.TryParse(authorization, out AuthenticationHeaderValue? header) ? ""
                : header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? header.Parameter ?? ""
                : header.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase) ? Password(header.Parameter ?? "")
                : "";
        }

        return request.Headers[KeyHeader] is [{ } key] ? key : null;
    }

    // For tools that can only log in, such as Label Studio: the key is the password, of whatever user.
    private static string Password(string credentials)
    {
        Span<byte> bytes = stackalloc byte[MaxBasic];
        return Convert.TryFromBase64String(credentials, bytes, out int length) && bytes[..length].IndexOf((byte)':') is >= 0 and int colon
            ? Encoding.UTF8.GetString(bytes[(colon + 1)..length]) : "";
    }
}
