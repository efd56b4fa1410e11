using System.Security.Principal;

namespace InferenceServer.Auth;

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

    /// <summary>The caller of a request; null where its endpoint needs no key, or it came without one.</summary>
    public static Caller? Of(HttpContext http) => http.User.Identity as Caller;
}
