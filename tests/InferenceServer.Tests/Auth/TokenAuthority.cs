using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace InferenceServer.Tests.Auth;

/// <summary>Issues tokens, and publishes the key of their signatures, which it can change.</summary>
internal sealed class TokenAuthority : IAsyncDisposable
{
    public const string Audience = "inference-server";
    private readonly WebApplication _app;
    private RSA _rsa = RSA.Create(2048);
    private ECDsa? _curve;
    private string? _kid = "one";
    private int _fetches;

    private TokenAuthority()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapGet(
            "/.well-known/openid-configuration",
            () => Results.Text($$"""{ "issuer": "{{Url}}", "jwks_uri": "{{Url}}/keys" }""", "application/json"));
        _app.MapGet("/keys", () =>
        {
            Interlocked.Increment(ref _fetches);
            return Results.Text($$"""{ "keys": [{{(IsEmpty ? "" : Published())}}] }""", "application/json");
        });
    }

    public string Url => _app.Urls.Single();

    public SigningCredentials Credentials => _curve is null
        ? new(new RsaSecurityKey(_rsa) { KeyId = _kid }, SecurityAlgorithms.RsaSha256)
        : new(new ECDsaSecurityKey(_curve) { KeyId = _kid }, SecurityAlgorithms.EcdsaSha256);

    /// <summary>How often the keys were fetched.</summary>
    public int Fetches => _fetches;

    /// <summary>Whether it publishes no key, as one whose database is away does.</summary>
    public bool IsEmpty { get; set; }

    /// <summary>Signs with a new key from now on, and publishes no other.</summary>
    public void Rotate(string? kid)
    {
        _rsa.Dispose();
        _rsa = RSA.Create(2048);
        _kid = kid;
    }

    /// <summary>Signs with an elliptic curve from now on, under the name that the key before had.</summary>
    public void RotateToACurve() => _curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public static async Task<TokenAuthority> StartAsync()
    {
        TokenAuthority authority = new();
        await authority._app.StartAsync();
        return authority;
    }

    /// <summary>A token that is in order, but for what <paramref name="change"/> makes of it.</summary>
    public string Issue(string claim, object scopes, Action<SecurityTokenDescriptor>? change = null)
    {
        SecurityTokenDescriptor token = new()
        {
            Issuer = Url,
            Audience = Audience,
            Expires = DateTime.UtcNow.AddHours(1),
            Claims = new Dictionary<string, object> { ["sub"] = "map-maker", [claim] = scopes },
            SigningCredentials = Credentials,
        };
        change?.Invoke(token);
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(token);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _rsa.Dispose();
        _curve?.Dispose();
    }

    private string Published()
    {
        string kid = _kid is null ? "" : $"\"kid\": \"{_kid}\", ";
        if (_curve is not null)
        {
            ECParameters point = _curve.ExportParameters(includePrivateParameters: false);
            return $$"""{ "kty": "EC", "use": "sig", "crv": "P-256", {{kid}}"x": "{{Base64UrlEncoder.Encode(point.Q.X)}}", """
                + $$""" "y": "{{Base64UrlEncoder.Encode(point.Q.Y)}}" }""";
        }

        RSAParameters key = _rsa.ExportParameters(includePrivateParameters: false);
        return $$"""{ "kty": "RSA", "use": "sig", """ +
            $$"""{{kid}}"n": "{{Base64UrlEncoder.Encode(key.Modulus)}}", "e": "{{Base64UrlEncoder.Encode(key.Exponent)}}" }""";
    }
}
