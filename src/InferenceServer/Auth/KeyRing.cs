using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>All keys, and the scopes that need none.</summary>
internal sealed class KeyRing(IOptions<SecurityOptions> options, TimeProvider time)
{
    private const string HashPrefix = "sha256:";
    private readonly Key[] _keys = [.. options.Value.Keys.Select(key => new Key(key.Key, key.Value, time))];

    /// <summary>Scopes granted without a key.</summary>
    public Scope Anonymous { get; } =
        options.Value.Anonymous ?? (options.Value.Keys.Count == 0 && options.Value.Jwt.Authority.Length == 0 ? Scope.Infer : Scope.None);

    /// <summary>Whether tokens are taken beside keys.</summary>
    public bool TakesTokens { get; } = options.Value.Jwt.Authority.Length > 0;

    /// <summary>Whether some key has one of these scopes, or a token may have.</summary>
    public bool Opens(Scope scope) => TakesTokens || _keys.Any(key => key.Caller.Has(scope));

    /// <summary>The budget of the caller with this <see cref="Caller.Id"/>; null is no limit.</summary>
    public KeyBudget? Budget(string? id) => _keys.FirstOrDefault(key => key.Caller.Id == id)?.Caller.Budget;

    /// <summary>The owner of a key; null if the key is not known.</summary>
    // Every hash is compared, each in constant time: the time of an answer tells nothing of a guess.
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

    /// <summary>A key as the server knows it: its hash and its owner.</summary>
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
