using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

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
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
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
