using System.Security.Claims;

namespace InferenceServer.Auth;

/// <summary>Who a request comes from.</summary>
/// <param name="Owner">The name, for the log.</param>
/// <param name="Scopes">What may be asked for.</param>
/// <param name="Budget">How much of it; null is no limit.</param>
internal sealed record Caller(ClaimsPrincipal Owner, Scope Scopes, KeyBudget? Budget)
{
    /// <summary>Tells callers apart: a key and a token may have the same name.</summary>
    public string Id { get; } = $"{Owner.Identity?.AuthenticationType}:{Owner.Identity?.Name}";
}
