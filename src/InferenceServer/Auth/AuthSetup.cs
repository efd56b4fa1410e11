using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;

namespace InferenceServer.Auth;

/// <summary>Registers the authentication schemes, the authorization policies and the origins, and puts the policies on
/// endpoints.</summary>
internal static class AuthSetup
{
    /// <summary>The scheme of every policy. It forwards what may be a token to the scheme of tokens, and all else to
    /// that of keys.</summary>
    public const string Scheme = "Any";

    private const string Keys = "Key";
    private const string Tokens = "Token";
    private static readonly JsonWebTokenHandler Form = new();

    public static void AddAuth(this IServiceCollection services)
    {
        services.AddSection("Security", new SecurityOptionsValidator());
        services.AddOrigins();
        services.AddSingleton<KeyRing>();
        services.AddHostedService<SharedBudgets>();
        services.AddSingleton<AuthorityKeys>();

        // Does what AddAuthentication does, but without Data Protection, which writes keys for cookies that this server
        // does not have.
        services.AddAuthenticationCore();
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddPolicyScheme(Scheme, null, any => any.ForwardDefaultSelector = Choose)
            .AddScheme<AuthenticationSchemeOptions, KeyHandler>(Keys, null)
            .AddScheme<JwtBearerOptions, JwtBearerHandler>(Tokens, null);
        services.AddOptions<JwtBearerOptions>(Tokens)
            .Configure<IOptions<SecurityOptions>, AuthorityKeys>(
                (bearer, security, keys) => bearer.UseAuthority(security.Value.Jwt, keys));

        services.AddAuthorization();
        services.AddOptions<AuthorizationOptions>().Configure<KeyRing>((authorization, keys) =>
        {
            foreach (Scope scopes in (Scope[])[Scope.Infer, Scope.Admin, Scope.Infer | Scope.Admin])
            {
                ScopeRequirement requirement = new(scopes, isGranted: (keys.Anonymous & scopes) != 0);
                authorization.AddPolicy(
                    Policy(scopes), policy => policy.AddAuthenticationSchemes(Scheme).AddRequirements(requirement));
            }
        });
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationAnswer>();
    }

    public static void UseAuth(this WebApplication app)
    {
        app.UseAuthentication(); // without a default scheme: a route without a scope does not look at keys
        app.UseAuthorization();
    }

    /// <summary>A key with one of these scopes opens the endpoint.</summary>
    /// <param name="endpoints">The endpoints.</param>
    /// <param name="scopes">One of these is enough.</param>
    /// <param name="budgeted">Whether a call counts against the key's rate and quotas.</param>
    public static TBuilder RequireScope<TBuilder>(this TBuilder endpoints, Scope scopes, bool budgeted = false)
        where TBuilder : IEndpointConventionBuilder => endpoints.RequireAuthorization(Policy(scopes)).WithMetadata([
            .. budgeted ? [Budgeted.Instance] : Array.Empty<object>(),
            new ProducesResponseTypeMetadata(
                StatusCodes.Status401Unauthorized, typeof(ProblemDetails), ["application/problem+json"]),
            new ProducesResponseTypeMetadata(
                StatusCodes.Status403Forbidden, typeof(ProblemDetails), ["application/problem+json"]),
        ]);

    // "infer", "admin", and "infer, admin" for either.
    private static string Policy(Scope scopes) => scopes.ToString().ToLowerInvariant();

    private static string Choose(HttpContext http)
    {
        KeyRing keys = http.RequestServices.GetRequiredService<KeyRing>();
        if (keys.TakesTokens && Credentials.Of(http.Request) is { } secret && Form.CanReadToken(secret) && keys.Find(secret) is null)
        {
            return Tokens;
        }

        return Keys;
    }
}
