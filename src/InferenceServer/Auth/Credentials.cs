using System.Net.Http.Headers;
using System.Text;

namespace InferenceServer.Auth;

/// <summary>The key or token that a request carries.</summary>
internal static class Credentials
{
    /// <summary>The header for keys beside Authorization.</summary>
    public const string KeyHeader = "X-API-Key";

    private const int MaxBasic = 1024;

    /// <summary>The key or token; null without one, empty where the header holds neither.</summary>
    public static string? Of(HttpRequest request)
    {
        // A repeated header is ignored: a proxy and this server could read different values.
        if (request.Headers.Authorization is [{ } authorization])
        {
            _ = AuthenticationHeaderValue.TryParse(authorization, out AuthenticationHeaderValue? header);
            return header?.Scheme.ToUpperInvariant() switch
            {
                "BEARER" => header.Parameter ?? "",
                "BASIC" => Password(header.Parameter ?? ""),
                _ => "",
            };
        }

        return request.Headers[KeyHeader] is [{ } key] ? key : null;
    }

    // Tools that can only log in, such as Label Studio, send the key as the password of any user.
    private static string Password(string credentials)
    {
        Span<byte> bytes = stackalloc byte[MaxBasic];
        return Convert.TryFromBase64String(credentials, bytes, out int length)
            && bytes[..length].IndexOf((byte)':') is >= 0 and int colon
                ? Encoding.UTF8.GetString(bytes[(colon + 1)..length])
                : "";
    }
}
