using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>All keys, and what needs none.</summary>
internal sealed class KeyRing(IOptions<SecurityOptions> options, TimeProvider time)
{
    private readonly ApiKey[] _keys = [.. options.Value.Keys.Select(key => new ApiKey(key.Key, key.Value, time))];

    /// <summary>What nobody needs a key for.</summary>
    public Scope Anonymous { get; } = options.Value.Anonymous ?? (options.Value.Keys.Count == 0 && options.Value.Jwt.Authority.Length == 0 ? Scope.Infer : Scope.None);

    /// <summary>Whether some key opens this, or a token may.</summary>
    public bool Opens(Scope scope) => _keys.Any(key => (key.Caller.Scopes & scope) != 0) || options.Value.Jwt.Authority.Length > 0;

    /// <summary>What a caller of this <see cref="Caller.Id"/> may still ask for; null is no limit.</summary>
    public KeyBudget? Budget(string? id) => _keys.FirstOrDefault(key => key.Caller.Id == id)?.Caller.Budget;

    /// <summary>Who the key of that text stands for, or null.</summary>
    // Every hash is compared, each in constant time, so that no answer's time tells how much of a guess was right, or whose it was.
    public Caller? Find(string secret)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(secret));
        ApiKey? found = null;
        foreach (ApiKey key in _keys)
        {
            found = CryptographicOperations.FixedTimeEquals(hash, key.Hash) ? key : found;
        }

        return found?.Caller;
    }
}
