using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace InferenceServer.Tests.Auth;

/// <summary>An authority that changes the key of its signatures.</summary>
public sealed class TokenRotationTests : IAsyncLifetime
{
    private TokenAuthority _authority = null!;
    private SegmentationServer _server = null!;

    public async Task InitializeAsync()
    {
        _authority = await TokenAuthority.StartAsync();
        _server = await SegmentationServer.StartAsync(
            ("Security:Jwt:Authority", _authority.Url), ("Security:Jwt:Audience", TokenAuthority.Audience));
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        await _authority.DisposeAsync();
    }

    [Theory]
    [InlineData("two", "three")]
    [InlineData("one", "one")] // keys whose names say nothing
    [InlineData(null, null)] // keys without names
    public async Task FirstToken_OfEveryNewKey_IsTaken(string? second, string? third)
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync(Token()));
        string old = Token();

        foreach (string? kid in (string?[])[second, third])
        {
            _authority.Rotate(kid);
            Assert.Equal(HttpStatusCode.OK, await AskAsync(Token()));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(old));
    }

    [Fact]
    public async Task FirstToken_OfAnotherAlgorithmUnderTheOldName_IsTaken()
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync(Token()));

        _authority.RotateToACurve();

        Assert.Equal(HttpStatusCode.OK, await AskAsync(Token()));
    }

    [Fact]
    public async Task FirstToken_AmongInventedOnes_IsTakenAndTheAuthorityIsSpared()
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync(Token()));
        string known = Token();
        using RSA stranger = RSA.Create(2048);
        int before = _authority.Fetches;
        using CancellationTokenSource end = new();
        long start = Stopwatch.GetTimestamp();
        Task<int>[] strangers = [.. Enumerable.Range(0, 16).Select(async s =>
        {
            int refused = 0;
            for (; !end.IsCancellationRequested; refused++)
            {
                Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(Invented(stranger, $"stranger {s} {refused}")));
            }

            return refused;
        })];

        await Eventually.TrueAsync(() => _authority.Fetches > before);
        foreach (string kid in (string[])["two", "three"])
        {
            long asked = Stopwatch.GetTimestamp();
            Assert.Equal(HttpStatusCode.OK, await AskAsync(known)); // does not wait
            _authority.Rotate(kid);
            known = Token();
            Assert.Equal(HttpStatusCode.OK, await AskAsync(known));
            Assert.InRange(Stopwatch.GetElapsedTime(asked), TimeSpan.Zero, TimeSpan.FromSeconds(10)); // two on an idle machine
        }

        await end.CancelAsync();
        int[] refusals = await Task.WhenAll(strangers);
        Assert.True(refusals.Sum() > 16, $"{refusals.Sum()} invented tokens were not many");
        Assert.InRange(_authority.Fetches - before, 2, Stopwatch.GetElapsedTime(start).TotalSeconds + 1);
    }

    [Fact]
    public async Task Token_OfAKeyThatCannotBeFetched_Answers503AndKnownKeysServe()
    {
        string known = Token();
        Assert.Equal(HttpStatusCode.OK, await AskAsync(known));
        _authority.IsEmpty = true;
        _authority.Rotate("two");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await AskAsync(Token()));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(known));

        _authority.IsEmpty = false;
        Assert.Equal(HttpStatusCode.OK, await AskAsync(Token()));
    }

    private string Token() => _authority.Issue("scope", "infer");

    private string Invented(RSA key, string kid)
    {
        SigningCredentials credentials = new(new RsaSecurityKey(key) { KeyId = kid }, SecurityAlgorithms.RsaSha256);
        return _authority.Issue("scope", "infer", token => token.SigningCredentials = credentials);
    }

    private async Task<HttpStatusCode> AskAsync(string token)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/models");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await _server.Client.SendAsync(request);
        return response.StatusCode;
    }
}
