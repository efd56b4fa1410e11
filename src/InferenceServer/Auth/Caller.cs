using System.Security.Principal;

namespace InferenceServer.Auth;

/// <summary>Who a request comes from: the identity of its user.</summary>
/// <param name="kind">What vouches for the name: a key, or the claim of a token.</param>
/// <param name="name">The name, for the log.</param>
/// <param name="scopes">What may be asked for.</param>
/// <param name="budget">How much of it; null is no limit.</param>
internal sealed class Caller(string kind, string name, Scope scopes, KeyBudget? budget) : GenericIdentity(name, kind)
{
    /// <summary>Tells callers apart: a key, a person and a program may have the same name. No kind has a colon in it.</summary>
    public string Id { get; } = $"{kind}:{name}";

    /// <summary>How much may be asked for; null is no limit.</summary>
    public KeyBudget? Budget => budget;

    /// <summary>Whether one of these scopes is the caller's.</summary>
    public bool Has(Scope needed) => (scopes & needed) != 0;

    /// <summary>Who a request comes from; null where that was not asked, or is nobody.</summary>
    public static Caller? Of(HttpContext http) => http.User.Identity as Caller;
}
