namespace InferenceServer.Auth;

/// <summary>Who may do what; section <c>Security</c>.</summary>
public sealed class SecurityOptions
{
    /// <summary>The keys, by names for people: the log says whose request it was.</summary>
    public IDictionary<string, KeyOptions> Keys { get; } = new Dictionary<string, KeyOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Tokens of an authority, beside keys or instead of them.</summary>
    public JwtOptions Jwt { get; } = new();

    /// <summary>What needs no key: infer or none. Default: infer where there are neither keys nor an authority of tokens, else none.</summary>
    public Scope? Anonymous { get; set; }

    /// <summary>Origins, such as <c>https://maps.example.org</c>, whose pages may ask this server in a browser. Default none.</summary>
    public IList<string> Origins { get; } = [];
}
