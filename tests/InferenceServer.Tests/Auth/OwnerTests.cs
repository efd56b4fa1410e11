using System.Net;
using System.Security.Cryptography;
using System.Text;
using InferenceServer.Tests.Jobs;

namespace InferenceServer.Tests.Auth;

/// <summary>Whose a job is: callers of one name are not one caller where unlike things vouch for the name.</summary>
public sealed class OwnerTests : JobTestBase
{
    private const string Name = "u";
    private static readonly string[] Claims = ["sub", "client_id", "azp", "appid"];

    [Fact]
    public async Task Job_OfOneKindOfCaller_IsNoOthersOfItsName()
    {
        await using TokenAuthority authority = await TokenAuthority.StartAsync();
        await using SegmentationServer server = await StartAsync(
            ("Security:Jwt:Authority", authority.Url), ("Security:Jwt:Audience", TokenAuthority.Audience),
            ($"Security:Keys:{Name}:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("secret")))));
        string[] callers =
        [
            "secret",
            .. Claims.Select(claim => Token(authority, (claim, Name))),
            Token(authority, ("sub", "client_id:" + Name)), Token(authority, ("sub", "Key:" + Name)),
            Token(authority, ("client_id", "sub:" + Name)),
        ];
        Uri[] jobs = new Uri[callers.Length];
        for (int i = 0; i < callers.Length; i++)
        {
            As(server, callers[i]);
            jobs[i] = await CreateAsync(server, "?model=tiny", ("a.png", Photo.Png));
        }

        for (int i = 0; i < callers.Length; i++)
        {
            As(server, callers[i]);
            for (int job = 0; job < jobs.Length; job++)
            {
                using HttpResponseMessage response = await server.Client.GetAsync(jobs[job]);
                Assert.Equal((i, job, i == job ? HttpStatusCode.OK : HttpStatusCode.NotFound), (i, job, response.StatusCode));
            }
        }
    }

    [Fact]
    public async Task Job_OfASubject_StaysItsOwnWhateverElseTheTokenNames()
    {
        await using TokenAuthority authority = await TokenAuthority.StartAsync();
        await using SegmentationServer server = await StartAsync(
            ("Security:Jwt:Authority", authority.Url), ("Security:Jwt:Audience", TokenAuthority.Audience));
        As(server, Token(authority, ("sub", Name)));
        Uri job = await CreateAsync(server, "?model=tiny", ("a.png", Photo.Png));

        As(server, Token(authority, ("sub", Name), ("client_id", "an app"), ("azp", "another")));
        using HttpResponseMessage response = await server.Client.GetAsync(job);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private static string Token(TokenAuthority authority, params (string Claim, string Value)[] claims) =>
        authority.Issue("scope", "infer", token =>
    {
        token.Claims = claims.ToDictionary(c => c.Claim, object (c) => c.Value);
        token.Claims["scope"] = "infer";
    });

    private static void As(SegmentationServer server, string secret)
    {
        server.Client.DefaultRequestHeaders.Remove("X-API-Key");
        server.Client.DefaultRequestHeaders.Add("X-API-Key", secret);
    }
}
