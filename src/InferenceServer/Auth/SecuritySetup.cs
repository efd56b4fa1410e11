using InferenceServer.Runtime;
using Microsoft.AspNetCore.Mvc;

namespace InferenceServer.Auth;

/// <summary>Wires the keys and origins, and says of each endpoint what it asks for.</summary>
internal static class SecuritySetup
{
    public static void AddSecurity(this IServiceCollection services)
    {
        services.AddSection("Security", new SecurityOptionsValidator());
        services.AddOrigins();
        services.AddSingleton<KeyRing>();
        services.AddSingleton<TokenReader>();
        services.AddSingleton<KeyGate>();
    }

    public static void UseKeys(this WebApplication app)
    {
        KeyGate gate = app.Services.GetRequiredService<KeyGate>();
        app.Use(gate.InvokeAsync);
    }

    /// <summary>A key with one of these scopes opens the endpoint.</summary>
    /// <param name="endpoints">The endpoints.</param>
    /// <param name="scopes">One of these is enough.</param>
    /// <param name="budgeted">Whether a call counts against the key's rate and quotas.</param>
    public static TBuilder RequireScope<TBuilder>(this TBuilder endpoints, Scope scopes, bool budgeted = false)
        where TBuilder : IEndpointConventionBuilder => endpoints.WithMetadata(
            new RequiredScope(scopes, budgeted),
            new ProducesResponseTypeMetadata(StatusCodes.Status401Unauthorized, typeof(ProblemDetails), ["application/problem+json"]),
            new ProducesResponseTypeMetadata(StatusCodes.Status403Forbidden, typeof(ProblemDetails), ["application/problem+json"]));
}
