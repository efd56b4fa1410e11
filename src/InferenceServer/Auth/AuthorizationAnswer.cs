using System.Security.Claims;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Auth;

/// <summary>Passes a request on, or answers why it is refused, before its body is read.</summary>
internal sealed class AuthorizationAnswer(KeyRing keys) : IAuthorizationMiddlewareResultHandler
{
    public async Task HandleAsync(
        RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        Scope needed = policy.Requirements.OfType<ScopeRequirement>().First().Scopes;
        // The result that its handler has kept.
        AuthenticateResult authenticated = await context.AuthenticateAsync(AuthSetup.Scheme);
        if (authenticated.Failure is SegmentationException unavailable)
        {
            await Problem.WriteAsync(context, unavailable);
        }
        else if (!authorizeResult.Succeeded)
        {
            await RefuseAsync(context, needed, authenticated);
        }
        else if (Caller.Of(context) is { } caller && !caller.Has(needed))
        {
            // The scope is granted to everybody: this caller is anonymous here, as any other.
            context.User = new ClaimsPrincipal();
            await next(context);
        }
        else if (context.GetEndpoint()?.Metadata.GetMetadata<Budgeted>() is not null && Caller.Of(context)?.Budget?.Take() is { } refusal)
        {
            await Problem.WriteAsync(context, refusal);
        }
        else
        {
            await next(context);
        }
    }

    private Task RefuseAsync(HttpContext http, Scope scopes, AuthenticateResult authenticated)
    {
        string needed = scopes.ToString().Split(',')[0].ToLowerInvariant();
        if (!keys.Opens(scopes))
        {
            return Problem.WriteAsync(http, new SegmentationException(
                ErrorTable.Forbidden,
                $"Expected a key with the scope {needed}, and the server has none. Make one with `inference-server key` "
                + $"and set its hash as Security:Keys:NAME:Hash and Security:Keys:NAME:Scopes to {needed}."));
        }

        // RFC 6750, section 3: an error is named only where a key was sent.
        string error = authenticated switch
        {
            { Succeeded: true } => $", error=\"insufficient_scope\", scope=\"{needed}\"",
            { None: true } => "",
            _ => ", error=\"invalid_token\"",
        };
        http.Response.Headers[HeaderNames.WWWAuthenticate] = $"Bearer realm=\"inference-server\"{error}";
        string credentials = Caller.Of(http)?.Budget is null ? "token" : "key";
        return Problem.WriteAsync(http, authenticated.Succeeded
            ? new SegmentationException(ErrorTable.Forbidden, $"This {credentials} does not have the scope {needed}.")
            : new SegmentationException(ErrorTable.Unauthorized, authenticated.Failure?.Message ?? Missing(http)));
    }

    private string Missing(HttpContext http)
    {
        string token = keys.TakesTokens ? " or a token" : "";
        IEnumerable<string> headers = Credentials.Headers(http).Select(header => $"'{header}: KEY'");
        return $"Send a key{token} as 'Authorization: Bearer KEY' or as {string.Join(" or as ", headers)}.";
    }
}
