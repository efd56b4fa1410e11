using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>All keys, and the scopes granted without a key.</summary>
internal sealed class KeyRing(IOptions<SecurityOptions> options, TimeProvider time)
{
    private const string HashPrefix = "sha256:";
    private readonly Key[] _keys = [.. options.Value.Keys.Select(key => new Key(key.Key, key.Value, time))];

    /// <summary>Scopes granted without a key.</summary>
    public Scope Anonymous { get; } = options.Value.Anonymous ?? Usual(options.Value);

    /// <summary>Whether tokens are accepted.</summary>
    public bool TakesTokens { get; } = options.Value.Jwt.Authority.Length > 0;

    /// <summary>Whether a key has one of these scopes, or a token may have it.</summary>
    public bool Opens(Scope scope) => TakesTokens || _keys.Any(key => key.Caller.Has(scope));

    /// <summary>The budget of each key, by the key's name.</summary>
    public IReadOnlyList<(string Name, KeyBudget Budget)> Budgets => [.. _keys.Select(key => (key.Caller.Name, key.Caller.Budget!))];

    /// <summary>The budget of the caller with this <see cref="Caller.Id"/>; null is no limit.</summary>
    public KeyBudget? Budget(string? id) => _keys.FirstOrDefault(key => key.Caller.Id == id)?.Caller.Budget;

    /// <summary>The owner of a key; null where the key is unknown.</summary>
    /// <remarks>All hashes are compared, each in constant time, so that the time of an answer tells nothing about a
    /// guess.</remarks>
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

    // Without keys and tokens, masks are open.
    private static Scope Usual(SecurityOptions options)
    {
        if (options.Keys.Count == 0 && options.Jwt.Authority.Length == 0)
        {
            return Scope.Infer;
        }

        return Scope.None;
    }

    /// <summary>A key: its hash and its owner.</summary>
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

/// <summary>The authentication scheme of keys.</summary>
/// <remarks>It writes no log: the request's line says that the key is unknown.</remarks>
internal sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, UrlEncoder encoder, KeyRing keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, NullLoggerFactory.Instance, encoder)
{
    private static readonly AuthenticateResult Unknown = AuthenticateResult.Fail("The key is not known.");

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    private AuthenticateResult Authenticate()
    {
        if (Credentials.Of(Request) is not { } secret)
        {
            return AuthenticateResult.NoResult();
        }

        if (keys.Find(secret) is { } owner)
        {
            return AuthenticateResult.Success(new AuthenticationTicket(owner, Scheme.Name));
        }

        return Unknown;
    }
}
