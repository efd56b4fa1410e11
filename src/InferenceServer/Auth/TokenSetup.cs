using System.Security.Claims;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace InferenceServer.Auth;

/// <summary>Configures the framework's scheme of tokens for the JSON Web Tokens of one authority.</summary>
internal static class TokenSetup
{
    // Asymmetric algorithms only: with HS256 the published key would be the secret that signs.
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    // OAuth 2.0 (RFC 8693) has one text with spaces, other authorities have a list, or roles.
    private static readonly string[] ScopeClaims = ["scope", "scp", "roles"];

    // A person is the subject. A program's own token may have no subject; RFC 9068, OpenID Connect and Entra ID name
    // programs in these claims.
    private static readonly string[] NameClaims = ["sub", "client_id", "azp", "appid"];

    public static void UseAuthority(this JwtBearerOptions bearer, JwtOptions options, AuthorityKeys keys)
    {
        bearer.TokenValidationParameters = new TokenValidationParameters
        {
            ValidAudience = options.Audience,
            ValidAlgorithms = Algorithms,
            ClockSkew = TimeSpan.FromMinutes(1),
        };
        bearer.TokenHandlers.Clear();
        bearer.TokenHandlers.Add(new Handler(keys));
        bearer.Events = new JwtBearerEvents
        {
            OnMessageReceived = message =>
            {
                message.Token = Credentials.Of(message.Request);
                return Task.CompletedTask;
            },
            OnTokenValidated = token =>
            {
                Identify(token, options);
                return Task.CompletedTask;
            },
            OnAuthenticationFailed = failure =>
            {
                if (failure.Exception is not SegmentationException) // the authority does not answer
                {
                    failure.Fail(Invalid(Reason(failure.Exception)));
                }

                return Task.CompletedTask;
            },
        };
    }

    private static void Identify(TokenValidatedContext context, JwtOptions options)
    {
        JsonWebToken token = (JsonWebToken)context.SecurityToken;
        if (token.TryGetHeaderValue("crit", out object? _))
        {
            // RFC 7515, section 4.1.11.
            context.Fail(Invalid("its header 'crit' needs an extension that this server does not have"));
        }
        else if (Name(token) is not { } name)
        {
            context.Fail(Invalid($"expected a caller in one of {string.Join(", ", NameClaims)}, found none"));
        }
        else
        {
            context.Principal = new ClaimsPrincipal(
                new Caller("Token." + name.Type, name.Value, Scopes(token, options), budget: null));
        }
    }

    private static Claim? Name(JsonWebToken token) => NameClaims
        .Select(name => token.Claims.FirstOrDefault(c => c.Type == name && c.Value.Length > 0))
        .FirstOrDefault(claim => claim is not null);

    private static Scope Scopes(JsonWebToken token, JwtOptions options)
    {
        IEnumerable<Claim> claims = token.Claims.Where(c => ScopeClaims.Contains(c.Type, StringComparer.Ordinal));
        HashSet<string> named = [.. claims.SelectMany(c => c.Value.Split(' '))];
        Scope infer = named.Contains(options.InferScope) ? Scope.Infer : Scope.None;
        if (named.Contains(options.AdminScope))
        {
            return infer | Scope.Admin;
        }

        return infer;
    }

    private static string Invalid(string reason) => $"The token is not valid: {reason}.";

    private static string Reason(Exception exception) => exception switch
    {
        SecurityTokenExpiredException => "it has expired",
        SecurityTokenNotYetValidException => "it is not valid yet",
        SecurityTokenInvalidAudienceException => "it is for another audience",
        SecurityTokenInvalidIssuerException => "another authority issued it",
        SecurityTokenNoExpirationException => "it never expires",
        _ => "its signature does not hold",
    };

    /// <summary>Validates a token with the known keys of the authority, and with those published now if no known key
    /// fits.</summary>
    private sealed class Handler(AuthorityKeys keys) : JsonWebTokenHandler
    {
        public override async Task<TokenValidationResult> ValidateTokenAsync(
            string token, TokenValidationParameters validationParameters)
        {
            TokenValidationResult result = await ValidateAsync(token, validationParameters, await keys.GetAsync());
            if (result.Exception is SecurityTokenInvalidSignatureException)
            {
                return await ValidateAsync(token, validationParameters, await keys.FetchAsync());
            }

            return result;
        }

        private Task<TokenValidationResult> ValidateAsync(
            string token, TokenValidationParameters parameters, OpenIdConnectConfiguration authority)
        {
            parameters.ValidIssuer = authority.Issuer;
            parameters.IssuerSigningKeys = authority.SigningKeys;
            return base.ValidateTokenAsync(token, parameters);
        }
    }
}
