using System.Security.Claims;
using System.Security.Principal;

namespace InferenceServer.Security;

/// <summary>A key as the server knows it: its name and hash, what it opens, and what it has left.</summary>
internal sealed class ApiKey(string name, KeyOptions options, TimeProvider time)
{
    public const string HashPrefix = "sha256:";

    /// <summary>The SHA-256 of the key.</summary>
    public byte[] Hash { get; } = Convert.FromHexString(options.Hash.AsSpan(HashPrefix.Length));

    public Scope Scopes => options.Scopes;

    public KeyBudget Budget { get; } = new(options, time);

    /// <summary>Who the key stands for.</summary>
    public ClaimsPrincipal Owner { get; } = new(new GenericIdentity(name, "Key"));
}
