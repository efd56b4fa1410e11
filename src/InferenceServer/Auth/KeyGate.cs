using System.Net.Http.Headers;
using System.Text;
using InferenceServer.Problems;
using InferenceServer.Runtime;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Auth;

/// <summary>Lets a request pass to an endpoint whose scope its key or token has, before a byte of its body is read.</summary>
internal sealed class KeyGate(KeyRing keys, TokenReader tokens)
{
    private const string Bearer = "Bearer";
    private const string Basic = "Basic";
    private const int MaxCredentials = 1024;
    private const string KeyHeader = "X-API-Key";

    public Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<RequiredScope>() is not { } required)
        {
            return next(http);
        }

        string? secret = Secret(http.Request);
        Caller? caller = secret is null ? null : keys.Find(secret);
        return caller is null && secret is not null && tokens.MayBeToken(secret)
            ? WithTokenAsync(http, next, required, secret)
            : Decide(http, next, required, caller, secret is null ? Missing() : "The key is not known.", secret is not null);
    }

    private async Task WithTokenAsync(HttpContext http, RequestDelegate next, RequiredScope required, string token)
    {
        (Caller? caller, string reason) = await tokens.ReadAsync(token, http.RequestAborted);
        await Decide(http, next, required, caller, $"The token is not valid: {reason}.", sent: true);
    }

    private Task Decide(HttpContext http, RequestDelegate next, RequiredScope required, Caller? caller, string unknown, bool sent)
    {
        if (caller is null || (caller.Scopes & required.Scopes) == 0)
        {
            return (keys.Anonymous & required.Scopes) != 0 ? next(http) : Refuse(http, required.Scopes, caller, unknown, sent);
        }

        http.User = caller.Owner;
        http.Features.Set(caller);
        return required.Budgeted && caller.Budget?.Take() is { } refusal ? Problem.WriteAsync(http, refusal) : next(http);
    }

    private Task Refuse(HttpContext http, Scope scopes, Caller? caller, string unknown, bool sent)
    {
        string needed = scopes.ToString().Split(',')[0].ToLowerInvariant();
        if (!keys.Opens(scopes))
        {
            return Problem.WriteAsync(http, new SegmentationException(
                SegmentationError.Forbidden, $"Nobody may do this here: no key has the scope {needed}. Make one with `inference-server key` and set its hash as Security:Keys:NAME:Hash and Security:Keys:NAME:Scopes to {needed}."));
        }

        // RFC 6750, section 3: an error is named only where a key was sent.
        string error = caller is not null ? $", error=\"insufficient_scope\", scope=\"{needed}\"" : sent ? ", error=\"invalid_token\"" : "";
        http.Response.Headers[HeaderNames.WWWAuthenticate] = $"{Bearer} realm=\"inference-server\"{error}";
        return Problem.WriteAsync(http, caller is not null
            ? new SegmentationException(SegmentationError.Forbidden, $"This {(caller.Budget is null ? "token" : "key")} does not have the scope {needed}.")
            : new SegmentationException(SegmentationError.Unauthorized, unknown));
    }

    private string Missing() => $"Send a key{(tokens.IsEnabled ? " or a token" : "")} as 'Authorization: Bearer KEY' or as '{KeyHeader}: KEY'.";

    private static string? Secret(HttpRequest request)
    {
        // Of two headers of a name, the proxy in front and this server might believe in different ones.
        if (request.Headers.Authorization is [{ } authorization])
        {
            return !AuthenticationHeaderValue.TryParse(authorization, out AuthenticationHeaderValue? header) ? ""
                : header.Scheme.Equals(Bearer, StringComparison.OrdinalIgnoreCase) ? header.Parameter ?? ""
                : header.Scheme.Equals(Basic, StringComparison.OrdinalIgnoreCase) ? Password(header.Parameter ?? "")
                : "";
        }

        return request.Headers[KeyHeader] is [{ } key] ? key : null;
    }

    // For tools that can only log in, such as Label Studio: the key is the password, of whatever user.
    private static string Password(string credentials)
    {
        Span<byte> bytes = stackalloc byte[MaxCredentials];
        return Convert.TryFromBase64String(credentials, bytes, out int length) && bytes[..length].IndexOf((byte)':') is >= 0 and int colon
            ? Encoding.UTF8.GetString(bytes[(colon + 1)..length]) : "";
    }
}
