using System.Security.Claims;
using System.Security.Principal;

namespace InferenceServer.Auth;

/// <summary>A key as the server knows it: its hash, and who it stands for.</summary>
internal sealed class ApiKey(string name, KeyOptions options, TimeProvider time)
{
    public const string HashPrefix = "sha256:";

    /// <summary>The SHA-256 of the key.</summary>
    public byte[] Hash { get; } = Convert.FromHexString(options.Hash.AsSpan(HashPrefix.Length));

    public Caller Caller { get; } = new(new ClaimsPrincipal(new GenericIdentity(name, "Key")), options.Scopes, new KeyBudget(options, time));
}
