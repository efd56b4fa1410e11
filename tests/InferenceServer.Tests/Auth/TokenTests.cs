using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace InferenceServer.Tests.Auth;

/// <summary>Tokens over the wire, of an authority that this test plays.</summary>
public sealed class TokenTests : IAsyncLifetime
{
    private const string Key = "a-key-beside-tokens";
    private TokenAuthority _authority = null!;
    private SegmentationServer _server = null!;

    public async Task InitializeAsync()
    {
        _authority = await TokenAuthority.StartAsync();
        _server = await SegmentationServer.StartAsync(
            ("Security:Jwt:Authority", _authority.Url), ("Security:Jwt:Audience", TokenAuthority.Audience),
            ("Security:Jwt:AdminScope", "models.write"),
            ("Security:Keys:lab:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Key)))));
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        await _authority.DisposeAsync();
    }

    [Fact]
    public async Task Segment_TokenWithTheScope_Answers()
    {
        foreach (
            (string claim, object scopes) in new (string, object)[]
            {
                ("scope", "openid infer"), ("scp", new[] { "other", "infer" }), ("roles", new[] { "infer" }),
            })
        {
            Assert.Equal(HttpStatusCode.OK, (await SegmentAsync(_authority.Issue(claim, scopes))).StatusCode);
        }
    }

    [Fact]
    public async Task Segment_KeyBesideTokens_Answers() => Assert.Equal(HttpStatusCode.OK, (await SegmentAsync(Key)).StatusCode);

    [Theory]
    [InlineData("openid infer", HttpStatusCode.Forbidden)]
    [InlineData("admin", HttpStatusCode.Forbidden)]
    [InlineData("models.write", HttpStatusCode.OK)]
    public async Task Load_EachScope_NeedsTheOneThatTheOptionsName(string scope, HttpStatusCode expected) =>
        Assert.Equal(expected, (await SendAsync("/v1/models/tiny/load", _authority.Issue("scope", scope))).StatusCode);

    [Fact]
    public async Task Segment_TokenWithoutTheScope_Answers403AndNamesIt()
    {
        using HttpResponseMessage response = await SegmentAsync(_authority.Issue("scope", "inference"));

        Assert.Contains(
            "token does not have the scope infer", await ProblemAssert.IsAsync(HttpStatusCode.Forbidden, response),
            StringComparison.Ordinal);
        Assert.Contains("insufficient_scope", Assert.Single(response.Headers.WwwAuthenticate).Parameter, StringComparison.Ordinal);
    }

    // Jobs belong to the subject of a token: two tokens without a subject would share their jobs.
    [Fact]
    public async Task Segment_TokenOfAProgram_AnswersIfItNamesTheProgram()
    {
        foreach (
            (string claim, HttpStatusCode expected) in new[]
            {
                ("client_id", HttpStatusCode.OK), ("azp", HttpStatusCode.OK), ("appid", HttpStatusCode.OK),
                ("email", HttpStatusCode.Unauthorized),
            })
        {
            string token = Infer(t => t.Claims = new Dictionary<string, object> { ["scope"] = "infer", [claim] = "night-shift" });

            Assert.Equal((claim, expected), (claim, (await SegmentAsync(token)).StatusCode));
        }
    }

    public static TheoryData<string> Flaws =>
        ["nobody", "audience", "issuer", "expired", "early", "endless", "forged", "unsigned", "secret", "torn"];

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Segment_TokenWithAFlaw_Answers401(string flaw)
    {
        using RSA other = RSA.Create(2048);
        (string token, string reason) = flaw switch
        {
            "nobody" => (Infer(t => t.Claims.Remove("sub")), "expected a caller"),
            "audience" => (Infer(t => t.Audience = "another service"), "another audience"),
            "issuer" => (Infer(t => t.Issuer = "https://login.example.org"), "another authority"),
            "expired" => (Infer(t => t.Expires = DateTime.UtcNow.AddMinutes(-5)), "expired"),
            "early" => (Infer(t => t.NotBefore = DateTime.UtcNow.AddMinutes(30)), "not valid yet"),
            "endless" => (Infer(t => t.Expires = null), "never expires"),
            "forged" =>
                (
                    Infer(t =>
                        t.SigningCredentials = new SigningCredentials(
                            new RsaSecurityKey(other) { KeyId = "one" }, SecurityAlgorithms.RsaSha256)),
                    "signature"),
            "unsigned" => (Infer(t => t.SigningCredentials = null), "signature"),
            "secret" =>
                (
                    Infer(t =>
                        t.SigningCredentials = new SigningCredentials(
                            new SymmetricSecurityKey(new byte[32]) { KeyId = "one" }, SecurityAlgorithms.HmacSha256)),
                    "signature"),
            _ => (Infer()[..^8], "signature"),
        };

        using HttpResponseMessage response = await SegmentAsync(token);

        Assert.Contains(reason, await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response), StringComparison.Ordinal);
        Assert.Contains("invalid_token", Assert.Single(response.Headers.WwwAuthenticate).Parameter, StringComparison.Ordinal);
    }

    // RFC 7515, section 4.1.11: an extension that is critical and not understood makes the token invalid, and so does a list of none.
    [Theory]
    [InlineData("exp")]
    [InlineData("b64")]
    [InlineData("http://example.org/an-extension")]
    [InlineData()]
    [InlineData(null)]
    public async Task Segment_TokenWithACriticalExtension_Answers401(params string[]? extensions)
    {
        string token = Infer(t => t.AdditionalHeaderClaims = new Dictionary<string, object> { ["crit"] = extensions! });

        using HttpResponseMessage response = await SegmentAsync(token);

        Assert.Contains("'crit'", await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_NeitherKeyNorToken_SaysThatBothWouldDo() =>
        Assert.Contains(
            "a key or a token", await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, await SegmentAsync(null)),
            StringComparison.Ordinal);

    [Fact]
    public async Task Segment_AuthorityIsAway_Answers503ToTokensAndServesKeys()
    {
        string token = Infer();
        await _authority.DisposeAsync(); // before its keys were ever asked for

        using HttpResponseMessage response = await SegmentAsync(token);

        await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, response);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, (await SegmentAsync(Key)).StatusCode);
    }

    private string Infer(Action<SecurityTokenDescriptor>? change = null) => _authority.Issue("scope", "infer", change);

    private Task<HttpResponseMessage> SegmentAsync(string? secret) => SendAsync("/v1/segment/tiny", secret);

    private async Task<HttpResponseMessage> SendAsync(string path, string? secret)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = Photo.Content(Photo.Png) };
        request.Headers.Authorization = secret is null ? null : new AuthenticationHeaderValue("Bearer", secret);
        return await _server.Client.SendAsync(request);
    }
}
