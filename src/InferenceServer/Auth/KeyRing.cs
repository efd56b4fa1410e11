using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>All keys, and what needs none.</summary>
internal sealed class KeyRing(IOptions<SecurityOptions> options, TimeProvider time)
{
    private const string HashPrefix = "sha256:";
    private readonly Key[] _keys = [.. options.Value.Keys.Select(key => new Key(key.Key, key.Value, time))];

    /// <summary>Scopes granted without a key.</summary>
    public Scope Anonymous { get; } = options.Value.Anonymous ?? (options.Value.Keys.Count == 0 && options.Value.Jwt.Authority.Length == 0 ? Scope.Infer : Scope.None);

    /// <summary>Whether tokens are taken beside keys.</summary>
    public bool TakesTokens { get; } = options.Value.Jwt.Authority.Length > 0;

    /// <summary>Whether some key opens this, or a token may.</summary>
    public bool Opens(Scope scope) => TakesTokens || _keys.Any(key => key.Caller.Has(scope));

    /// <summary>What a caller of this <see cref="Caller.Id"/> may still ask for; null is no limit.</summary>
    public KeyBudget? Budget(string? id) => _keys.FirstOrDefault(key => key.Caller.Id == id)?.Caller.Budget;

    /// <summary>Who the key of that text stands for, or null.</summary>
    // Every hash is compared, each in constant time, so that no answer's time tells how much of a guess was right, or whose it was.
    public ClaimsPrincipal? Find(string secret)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(secret));
        Key? found = null;
        foreach (Key key in _keys)
        {
            found = CryptographicOperations.FixedTimeEquals(hash, key.Hash) ? key : found;
        }

        return found?.Owner;
    }

    /// <summary>A key as the server knows it: its hash, and who it stands for.</summary>
    private sealed class Key
    {
        public Key(string name, KeyOptions options, TimeProvider time)
        {
            Hash = Convert.FromHexString(options.Hash.AsSpan(HashPrefix.Length));
            Caller = new Caller("Key", name, options.Scopes, new KeyBudget(options, time));
            Owner = new ClaimsPrincipal(Caller);
        }

        public byte[] Hash { get; }

        public Caller Caller { get; }

        public ClaimsPrincipal Owner { get; }
    }
}
