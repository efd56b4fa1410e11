using System.Net.Http.Headers;
using System.Security.Principal;
using System.Text;
using InferenceServer.Runtime.Admission;

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

        if (request.Headers[KeyHeader] is [{ } key])
        {
            return key;
        }

        string? other = OwnHeader(request.HttpContext);
        if (other is not null && request.Headers[other] is [{ Length: > 0 } own])
        {
            return own;
        }

        return null;
    }

    /// <summary>The headers for keys beside Authorization, at the endpoint of a request.</summary>
    public static IEnumerable<string> Headers(HttpContext http)
    {
        yield return KeyHeader;
        if (OwnHeader(http) is { } own)
        {
            yield return own;
        }
    }

    private static string? OwnHeader(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<OwnKeyHeader>()?.Name;

    // Tools that can only log in, such as Label Studio, send the key as the password of any user.
    private static string Password(string credentials)
    {
        Span<byte> bytes = stackalloc byte[MaxBasic];
        if (Convert.TryFromBase64String(credentials, bytes, out int length)
            && bytes[..length].IndexOf((byte)':') is >= 0 and int colon)
        {
            return Encoding.UTF8.GetString(bytes[(colon + 1)..length]);
        }

        return "";
    }
}

/// <summary>Metadata of an endpoint whose clients send the key in a header of their own, empty where they have none.</summary>
/// <param name="Name">The header's name.</param>
internal sealed record OwnKeyHeader(string Name);

/// <summary>The identity of a request's user.</summary>
/// <param name="kind">What vouches for the name: a key, or the claim of a token.</param>
/// <param name="name">The name, for the log.</param>
/// <param name="scopes">The scopes of the key or token.</param>
/// <param name="budget">The rate and quotas of the key; null is no limit.</param>
internal sealed class Caller(string kind, string name, Scope scopes, KeyBudget? budget) : GenericIdentity(name, kind)
{
    /// <summary>Tells callers apart: a key, a person and a program may have the same name. No kind has a colon in it.</summary>
    public string Id { get; } = $"{kind}:{name}";

    /// <summary>The rate and quotas of the key; null is no limit.</summary>
    public KeyBudget? Budget => budget;

    /// <summary>Whether the caller has one of these scopes.</summary>
    public bool Has(Scope needed) => (scopes & needed) != 0;

    /// <summary>Whom the limits count the request for: its caller, or the address of its connection, behind a trusted proxy
    /// the address that the proxy names.</summary>
    public static Client Client(HttpContext http)
    {
        if (Of(http) is { } caller)
        {
            return Runtime.Admission.Client.OfCaller(caller.Id);
        }

        return Runtime.Admission.Client.OfAddress(http.Connection.RemoteIpAddress);
    }

    /// <summary>The caller of a request; null where its endpoint needs no key, or it came without one.</summary>
    public static Caller? Of(HttpContext http) => http.User.Identity as Caller;
}
