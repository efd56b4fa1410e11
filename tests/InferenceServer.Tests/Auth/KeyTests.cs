using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Tests.Telemetry;

namespace InferenceServer.Tests.Auth;

/// <summary>Keys over the wire: who gets in, who does not, and what each is told.</summary>
public sealed class KeyTests : IAsyncLifetime
{
    private const string Lab = "the lab's key";
    private const string Operator = "the operator's key";
    private const string Slow = "a key with a rate";
    private const string Small = "a key with a quota";
    private SegmentationServer _server = null!;

    public async Task InitializeAsync() => _server = await SegmentationServer.StartAsync(
        ("Security:Keys:lab:Hash", Hash(Lab)),
        (
            "Security:Keys:operator:Hash",
            Hash(Operator).ToUpperInvariant().Replace("SHA", "sha", StringComparison.Ordinal)),
        ("Security:Keys:operator:Scopes", "admin"),
        ("Security:Keys:slow:Hash", Hash(Slow)), ("Security:Keys:slow:RequestsPerSecond", "0.001"), ("Security:Keys:slow:Burst", "2"),
        ("Security:Keys:small:Hash", Hash(Small)), ("Security:Keys:small:Scopes", "infer, admin"),
        ("Security:Keys:small:RequestsPerDay", "2"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("Authorization", "Bearer " + Lab)]
    [InlineData("Authorization", "bearer " + Lab)]
    [InlineData("X-API-Key", Lab)]
    public async Task Segment_RightKey_Answers(string header, string value)
    {
        using HttpResponseMessage response = await SegmentAsync(header, value);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData("Authorization", "Bearer wrong", "invalid_token")]
    [InlineData("Authorization", "Bearer", "invalid_token")]
    [InlineData("Authorization", "Basic " + Lab, "invalid_token")]
    [InlineData("Authorization", Lab, "invalid_token")]
    [InlineData("X-API-Key", "wrong", "invalid_token")]
    [InlineData("X-API-Key", Lab + "x", "invalid_token")]
    public async Task Segment_NoOrWrongKey_Answers401AndSaysWhatIsNeeded(string? header, string? value, string? error)
    {
        using Measurements measured = new(_server);

        using HttpResponseMessage response = await SegmentAsync(header, value);

        await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response);
        AuthenticationHeaderValue challenge = Assert.Single(response.Headers.WwwAuthenticate);
        Assert.Equal("Bearer", challenge.Scheme);
        Assert.Equal(error is not null, challenge.Parameter!.Contains($"error=\"{error}\"", StringComparison.Ordinal));
        await measured.UntilAsync("seg_requests_rejected_total{model=tiny,reason=unauthorized}", 1);
    }

    [Fact]
    public async Task Segment_TheHashItself_OpensNothing()
    {
        using HttpResponseMessage response = await SegmentAsync("X-API-Key", Hash(Lab));

        await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response);
    }

    [Fact]
    public async Task Segment_KeyTwice_IsRefused()
    {
        using HttpRequestMessage request = Request(HttpMethod.Post, "/v1/segment/tiny", null, null);
        request.Headers.TryAddWithoutValidation("X-API-Key", [Lab, "other"]);

        using HttpResponseMessage response = await _server.Client.SendAsync(request);

        await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response);
    }

    [Fact]
    public async Task Segment_KeyWithoutTheScope_Answers403AndNamesTheScope()
    {
        using HttpResponseMessage response = await SegmentAsync("X-API-Key", Operator);

        Assert.Contains("scope infer", await ProblemAssert.IsAsync(HttpStatusCode.Forbidden, response), StringComparison.Ordinal);
        Assert.Contains("insufficient_scope", Assert.Single(response.Headers.WwwAuthenticate).Parameter, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Lab, "/v1/models", HttpStatusCode.OK)]
    [InlineData(Operator, "/v1/models/tiny", HttpStatusCode.OK)]
    [InlineData(null, "/v1/models", HttpStatusCode.Unauthorized)]
    [InlineData(null, "/v1/models/tiny/versions/1", HttpStatusCode.Unauthorized)]
    [InlineData(null, "/health/ready", HttpStatusCode.OK)]
    [InlineData(null, "/metrics", HttpStatusCode.OK)]
    [InlineData(null, "/swagger/v1/swagger.json", HttpStatusCode.OK)]
    public async Task Get_EachRoute_AsksForAKeyWhereItTellsOfModels(string? key, string path, HttpStatusCode expected)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Get, path, key is null ? null : "X-API-Key", key);

        Assert.Equal(expected, response.StatusCode);
    }

    [Theory]
    [InlineData(Lab, HttpStatusCode.Forbidden)]
    [InlineData(Small, HttpStatusCode.OK)]
    [InlineData(Operator, HttpStatusCode.OK)]
    public async Task Load_EachKey_NeedsTheScopeAdmin(string key, HttpStatusCode expected)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Post, "/v1/models/tiny/load", "X-API-Key", key);

        Assert.Equal(expected, response.StatusCode);
    }

    [Theory]
    [InlineData(Slow, "a second")]
    [InlineData(Small, "a day")]
    public async Task Segment_BudgetUsedUp_Answers429WithRetryAfterAndOthersGoOn(string key, string limit)
    {
        using Measurements measured = new(_server);
        for (int i = 0; i < 2; i++)
        {
            using HttpResponseMessage within = await SegmentAsync("X-API-Key", key);
            Assert.Equal(HttpStatusCode.OK, within.StatusCode);
        }

        using HttpResponseMessage beyond = await SegmentAsync("X-API-Key", key);
        using HttpResponseMessage other = await SegmentAsync("X-API-Key", Lab);
        using HttpResponseMessage free = await SendAsync(HttpMethod.Get, "/v1/models", "X-API-Key", key);

        Assert.Contains(limit, await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, beyond), StringComparison.Ordinal);
        Assert.True(beyond.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        using JsonDocument problem = JsonDocument.Parse(await beyond.Content.ReadAsStringAsync());
        Assert.Equal("urn:inference-server:rate-limited", problem.RootElement.GetProperty("type").GetString());
        Assert.True(problem.RootElement.GetProperty("retry_after_ms").GetInt64() > 0);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (other.StatusCode, free.StatusCode));
        await measured.UntilAsync("seg_requests_rejected_total{model=tiny,reason=rate_limited}", 1);
    }

    [Fact]
    public async Task Segment_NoKey_IsRefusedBeforeTheBodyIsSent()
    {
        using HttpRequestMessage request = Request(HttpMethod.Post, "/v1/segment/tiny", null, null);
        request.Content = new NeverSent();
        request.Headers.ExpectContinue = true;

        // The factory's own copies bodies, to be ready for redirects.
        using HttpClient client = new() { BaseAddress = _server.Client.BaseAddress };
        using HttpResponseMessage response = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Theory]
    [InlineData("/v1/segment/tiny")]
    [InlineData("/v1/segment:batch")]
    [InlineData("/v1/refine")]
    [InlineData("/v1/jobs")]
    [InlineData("/v2/models/tiny/infer")]
    [InlineData("/v2/repository/index")]
    [InlineData("/huggingface")]
    [InlineData("/label-studio/setup")]
    [InlineData("/label-studio/predict")]
    [InlineData("/label-studio/webhook")]
    [InlineData("/api/function_invocations")]
    [InlineData("/x-anylabeling/v1/predict")]
    public async Task Post_ContentTypeThatIsNotTaken_IsToldToThoseWithAKeyOnly(string path)
    {
        foreach ((string? key, HttpStatusCode expected) in ((string?, HttpStatusCode)[])[
            (null, HttpStatusCode.Unauthorized), ("wrong", HttpStatusCode.Unauthorized),
            (Operator, HttpStatusCode.Forbidden)
        ])
        {
            using HttpRequestMessage request = Request(HttpMethod.Post, path, key is null ? null : "X-API-Key", key);
            request.Content = Photo.Content([1], "text/plain");
            using HttpResponseMessage response = await _server.Client.SendAsync(request);

            Assert.Equal(
                (
                    path, key,
                    path.EndsWith("index", StringComparison.Ordinal) && key == Operator
                        ? HttpStatusCode.BadRequest
                        : expected),
                (path, key, response.StatusCode));
        }
    }

    [Theory]
    [InlineData("/v1/segment:batch", "application/zip")]
    [InlineData("/v1/refine", "multipart/form-data")]
    [InlineData("/v1/jobs", "application/zip")]
    [InlineData("/label-studio/setup", "application/json")]
    [InlineData("/label-studio/predict", "application/json")]
    [InlineData("/label-studio/webhook", "application/json")]
    [InlineData("/api/function_invocations", "application/json")]
    [InlineData("/x-anylabeling/v1/predict", "application/json")]
    public async Task Post_ContentTypeThatIsNotTaken_IsAnswered415WithThoseThatAre(string path, string taken)
    {
        using HttpRequestMessage request = Request(HttpMethod.Post, path, "X-API-Key", Lab);
        request.Content = Photo.Content([1], "text/plain");

        using HttpResponseMessage response = await _server.Client.SendAsync(request);

        string sentence = await ProblemAssert.IsAsync(HttpStatusCode.UnsupportedMediaType, response);
        Assert.Contains("text/plain", sentence, StringComparison.Ordinal);
        Assert.Contains(taken, sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none", HttpStatusCode.Forbidden)]
    [InlineData("infer", HttpStatusCode.OK)]
    [InlineData("", HttpStatusCode.OK)]
    public async Task Segment_NoKeyConfigured_FollowsAnonymous(string anonymous, HttpStatusCode expected)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Security:Anonymous", anonymous));

        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));

        Assert.Equal(expected, response.StatusCode);
    }

    private static string Hash(string key) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private Task<HttpResponseMessage> SegmentAsync(string? header, string? value) =>
        SendAsync(HttpMethod.Post, "/v1/segment/tiny", header, value);

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? header, string? value)
    {
        using HttpRequestMessage request = Request(method, path, header, value);
        return await _server.Client.SendAsync(request);
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string? header, string? value)
    {
        HttpRequestMessage request = new(method, path) { Content = method == HttpMethod.Post ? Photo.Content(Photo.Png) : null };
        if (header is not null)
        {
            request.Headers.TryAddWithoutValidation(header, value);
        }

        return request;
    }

    /// <summary>A body that a client would send after 100 Continue, and here must not.</summary>
    private sealed class NeverSent : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            throw new InvalidOperationException("The server asked for the body.");

        protected override bool TryComputeLength(out long length)
        {
            length = 100_000; // a client sends a short one whatever the answer
            return true;
        }
    }
}
