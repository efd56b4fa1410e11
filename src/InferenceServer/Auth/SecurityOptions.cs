using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

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

/// <summary>One key; section <c>Security:Keys:NAME</c>.</summary>
public sealed class KeyOptions
{
    /// <summary><c>sha256:</c> and the 64 hexadecimal digits of the key's hash. The server never has the key
    /// itself.</summary>
    [Required]
    [RegularExpression(
        "^sha256:[0-9A-Fa-f]{64}$",
        ErrorMessage = "{0}: expected sha256: and 64 hexadecimal digits, as `inference-server key` prints them.")]
    public string Hash { get; set; } = "";

    /// <summary>The key's scopes: infer, admin, or both, separated by a comma. Default infer.</summary>
    [Range((int)Scope.Infer, (int)(Scope.Infer | Scope.Admin), ErrorMessage = "{0}: expected infer, admin, or both.")]
    public Scope Scopes { get; set; } = Scope.Infer;

    /// <summary>Masks a second on average, 0.00001 (about one a day) or more; 0 is no limit. Default 0.</summary>
    [Range(0, 1e6)]
    public double RequestsPerSecond { get; set; }

    /// <summary>Masks at once after a pause, where there is a rate. Default 20.</summary>
    [Range(1, 1_000_000)]
    public int Burst { get; set; } = 20;

    /// <summary>Masks in each hour of the clock; 0 is no limit. Default 0.</summary>
    [Range(0, long.MaxValue)]
    public long RequestsPerHour { get; set; }

    /// <summary>Masks in each day from midnight UTC; 0 is no limit. Default 0.</summary>
    [Range(0, long.MaxValue)]
    public long RequestsPerDay { get; set; }
}

[OptionsValidator]
internal sealed partial class KeyOptionsValidator : IValidateOptions<KeyOptions>;

/// <summary>JSON Web Tokens beside keys; section <c>Security:Jwt</c>.</summary>
public sealed class JwtOptions
{
    /// <summary>The authority that issues the tokens, such as <c>https://login.example.org/realms/maps</c>; its
    /// discovery document names the issuer and the signing keys. Default none: tokens are not accepted.</summary>
    public string Authority { get; set; } = "";

    /// <summary>The value that a token's <c>aud</c> must contain, so that tokens for other services are refused.
    /// Required with an authority.</summary>
    public string Audience { get; set; } = "";

    /// <summary>The word for the scope infer in tokens. Default <c>infer</c>.</summary>
    [Required]
    public string InferScope { get; set; } = "infer";

    /// <summary>The word for the scope admin in tokens. Default <c>admin</c>.</summary>
    [Required]
    public string AdminScope { get; set; } = "admin";
}

[OptionsValidator]
internal sealed partial class JwtOptionsValidator : IValidateOptions<JwtOptions>;

/// <summary>Checks keys, tokens and origins, each and together.</summary>
internal sealed class SecurityOptionsValidator : IValidateOptions<SecurityOptions>
{
    private const double SlowestRate = 1e-5; // with the longest burst 3000 years, which TimeSpan can still hold
    private static readonly KeyOptionsValidator Key = new();
    private static readonly JwtOptionsValidator Jwt = new();

    public ValidateOptionsResult Validate(string? name, SecurityOptions options)
    {
        List<string> failures = [];
        foreach ((string key, KeyOptions value) in options.Keys)
        {
            string section = "Security:Keys:" + key;
            failures.AddRange(WithColons(Key.Validate(section, value), section));
            if (value.RequestsPerSecond is > 0 and < SlowestRate)
            {
                failures.Add(
                    $"{section}:RequestsPerSecond: "
                    + $"expected 0 (no limit) or at least 0.00001, got {value.RequestsPerSecond}. "
                    + "Use RequestsPerDay for lower rates.");
            }
        }

        foreach (IGrouping<string, string> same in options.Keys.GroupBy(k => k.Value.Hash, k => k.Key, StringComparer.OrdinalIgnoreCase))
        {
            if (same.Key.Length > 0 && same.Count() > 1)
            {
                failures.Add(
                    "Security:Keys: expected a key of its own for each name, but "
                    + $"{string.Join(" and ", same)} have the same hash. "
                    + "Make another key.");
            }
        }

        failures.AddRange(WithColons(Jwt.Validate("Security:Jwt", options.Jwt), "Security:Jwt"));
        if (options.Jwt.Authority.Length > 0 && !IsAuthority(options.Jwt.Authority))
        {
            failures.Add(
                "Security:Jwt:Authority: expected an address such as https://login.example.org, or http on this "
                + "machine, "
                + $"got '{options.Jwt.Authority}'.");
        }

        if (options.Jwt.Authority.Length > 0 != options.Jwt.Audience.Length > 0)
        {
            failures.Add(
                "Security:Jwt: expected both Authority and Audience, or neither, got one of the two. "
                + "Without an audience, tokens for other services would be accepted.");
        }

        if (options.Anonymous is not (null or Scope.None or Scope.Infer))
        {
            failures.Add(
                $"Security:Anonymous: expected infer or none, got {options.Anonymous}. "
                + "The scope admin always needs a key.");
        }

        failures.AddRange(options.Origins.Where(origin => !IsOrigin(origin)).Select(origin =>
            $"Security:Origins: expected origins such as https://maps.example.org, without a path, got '{origin}'."));
        if (failures.Count == 0)
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(failures);
    }

    // Failures name members with a dot, options have a colon.
    private static IEnumerable<string> WithColons(ValidateOptionsResult result, string section) =>
        (result.Failures ?? [])
            .Select(failure => failure.Replace(section + ".", section + ":", StringComparison.Ordinal));

    // Over plain HTTP an attacker could replace the signing keys.
    private static bool IsAuthority(string authority) => Uri.TryCreate(authority, UriKind.Absolute, out Uri? uri)
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    // Browsers send scheme, host and port, without a slash at the end.
    private static bool IsOrigin(string origin) => Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri)
        && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority) == origin;
}
