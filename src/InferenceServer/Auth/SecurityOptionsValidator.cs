using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>Checks every key by itself, and what holds between them.</summary>
internal sealed class SecurityOptionsValidator : IValidateOptions<SecurityOptions>
{
    private const double SlowestRate = 1e-5; // with the longest burst, 3000 years: a time that can still be reckoned with
    private static readonly KeyOptionsValidator Key = new();
    private static readonly JwtOptionsValidator Jwt = new();

    public ValidateOptionsResult Validate(string? name, SecurityOptions options)
    {
        List<string> failures = [];
        foreach ((string key, KeyOptions value) in options.Keys)
        {
            string section = "Security:Keys:" + key;
            failures.AddRange((Key.Validate(section, value).Failures ?? []).Select(f => f.Replace(section + ".", section + ":", StringComparison.Ordinal)));
            if (value.RequestsPerSecond is > 0 and < SlowestRate)
            {
                failures.Add($"{section}:RequestsPerSecond: expected 0, which is no limit, or 0.00001 and more; RequestsPerDay says less often than that.");
            }
        }

        foreach (IGrouping<string, string> same in options.Keys.GroupBy(k => k.Value.Hash, k => k.Key, StringComparer.OrdinalIgnoreCase).Where(g => g.Key.Length > 0 && g.Count() > 1))
        {
            failures.Add($"Security:Keys: {string.Join(" and ", same)} have the same hash; each name needs a key of its own.");
        }

        failures.AddRange((Jwt.Validate("Security:Jwt", options.Jwt).Failures ?? []).Select(f => f.Replace("Security:Jwt.", "Security:Jwt:", StringComparison.Ordinal)));
        if (options.Jwt.Authority.Length > 0 && !IsAuthority(options.Jwt.Authority))
        {
            failures.Add($"Security:Jwt:Authority: expected an address such as https://login.example.org, without encryption only on this machine, got '{options.Jwt.Authority}'.");
        }

        if (options.Jwt.Authority.Length > 0 != options.Jwt.Audience.Length > 0)
        {
            failures.Add("Security:Jwt:Audience: needed with Security:Jwt:Authority, and only there; without it, tokens for other services would be taken.");
        }

        if (options.Anonymous is not (null or Scope.None or Scope.Infer))
        {
            failures.Add("Security:Anonymous: expected infer or none; changing what is served always needs a key.");
        }

        failures.AddRange(options.Origins.Where(origin => !IsOrigin(origin)).Select(origin => $"Security:Origins: expected origins such as https://maps.example.org, without a path, got '{origin}'."));
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    // Over plain HTTP, anybody on the way could put other keys in.
    private static bool IsAuthority(string authority) =>
        Uri.TryCreate(authority, UriKind.Absolute, out Uri? uri) && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    // What browsers send: scheme, host and port, and no slash after them.
    private static bool IsOrigin(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority) == origin;
}
