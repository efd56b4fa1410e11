namespace InferenceServer.Auth;

/// <summary>Keys, tokens and origins; section <c>Security</c>.</summary>
public sealed class SecurityOptions
{
    /// <summary>The keys by name; the log has the name of a request's key.</summary>
    public IDictionary<string, KeyOptions> Keys { get; } = new Dictionary<string, KeyOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Tokens of an authority, beside keys or instead of them.</summary>
    public JwtOptions Jwt { get; } = new();

    /// <summary>Scopes granted without a key: infer or none. Default: infer where there are neither keys nor an
    /// authority of tokens, else none.</summary>
    public Scope? Anonymous { get; set; }

    /// <summary>Origins whose pages may call this server in a browser, such as <c>https://maps.example.org</c>. Default
    /// none.</summary>
    public IList<string> Origins { get; } = [];
}
