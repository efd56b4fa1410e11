using System.Net;
using System.Text.RegularExpressions;

namespace InferenceServer.Tests.Auth;

[Collection(SharedServer.Name)]
public sealed partial class SecurityHeadersTests(SegmentationServer server)
{
    [Theory]
    [InlineData("/health/live")]
    [InlineData("/v1/models/none")]
    [InlineData("/")]
    [InlineData("/nowhere")]
    [InlineData("/swagger/index.html")]
    public async Task Headers_EveryAnswer_HasThem(string path)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(path);

        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-referrer", Assert.Single(response.Headers.GetValues("Referrer-Policy")));
        Assert.Contains(
            "frame-ancestors 'none'", Assert.Single(response.Headers.GetValues("Content-Security-Policy")),
            StringComparison.Ordinal);
        Assert.False(response.Headers.Contains("Server"));
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    // The policy lets no script run that stands in the page itself.
    [Fact]
    public async Task Swagger_Scripts_AreFilesOfThisServer()
    {
        string page = await server.Client.GetStringAsync("/swagger/index.html");

        Assert.NotEmpty(Script().Matches(page));
        Assert.All(Script().Matches(page), script => Assert.Matches(@"src=""(\./|/)?[\w.-]+""[^>]*>\s*</script>", script.Value));
        Assert.DoesNotContain("http://", page, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://maps.example.org", true)]
    [InlineData("https://evil.example.org", false)]
    public async Task Origins_EachPage_MayAskIfItIsListed(string origin, bool allowed)
    {
        await using SegmentationServer own = await SegmentationServer.StartAsync(("Security:Origins:0", "https://maps.example.org"));
        using HttpRequestMessage preflight = new(HttpMethod.Options, "/v1/segment/tiny")
        {
            Headers =
            {
                { "Origin", origin }, { "Access-Control-Request-Method", "POST" },
                { "Access-Control-Request-Headers", "x-api-key" },
            },
        };
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny")
        {
            Content = Photo.Content(Photo.Png),
            Headers = { { "Origin", origin } },
        };

        using HttpResponseMessage before = await own.Client.SendAsync(preflight);
        using HttpResponseMessage answer = await own.Client.SendAsync(request);

        Assert.Equal(allowed, before.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Equal(allowed, answer.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [GeneratedRegex("<script.*?</script>", RegexOptions.Singleline)]
    private static partial Regex Script();
}
