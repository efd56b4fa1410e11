using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using InferenceServer.Dialects.LabelStudio;
using InferenceServer.Runtime;
using InferenceServer.Tests.Fetching;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Dialects;

/// <summary>Where the images of tasks come from, and with which token, from a server that acts as Label Studio.</summary>
public sealed class LabelStudioImagesTests
{
    private static readonly string Personal = Jwt("refresh", seconds: 1 << 30);

    private readonly ConcurrentQueue<(string Path, string Authorization, string Agent)> _asked = [];
    private int _exchanges;

    [Fact]
    public async Task Token_Personal_IsExchangedOnceForManyTasks()
    {
        await using ImageHost studio = await StartAsync();
        await using SegmentationServer server = await ServerAsync(studio, "", Personal);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            LabelStudioTests.PredictAsync(server, LabelStudioTests.Brush, $"/data/upload/{i}.png", $"/data/upload/{i}-2.png")));

        Assert.Equal(1, _exchanges);
        Assert.Equal(16, _asked.Count(asked => asked.Authorization.StartsWith("Bearer ", StringComparison.Ordinal)));
        Assert.DoesNotContain(_asked, asked => asked.Authorization.Contains(Personal, StringComparison.Ordinal));
        Assert.All(_asked, asked => Assert.Matches("^InferenceServer/[0-9]", asked.Agent));
    }

    [Theory]
    [InlineData("0123456789abcdef", "Token 0123456789abcdef")]
    [InlineData("a.b.c", "Token a.b.c")]
    [InlineData(null, "Bearer ")]
    public async Task Token_LegacyOrShort_IsSentAsItIs(string? token, string expected)
    {
        string given = token ?? Jwt("access", 300);
        await using ImageHost studio = await StartAsync();
        await using SegmentationServer server = await ServerAsync(studio, "", given);

        await LabelStudioTests.PredictAsync(server, LabelStudioTests.Brush, "/data/upload/1/a.png");

        Assert.Equal(token is null ? expected + given : expected, Assert.Single(_asked).Authorization);
        Assert.Equal(0, _exchanges);
    }

    [Fact]
    public async Task Token_Short_IsReplacedBeforeItEnds()
    {
        await using ImageHost studio = await StartAsync();
        FakeTimeProvider time = new();
        using LabelStudioToken token = new(studio.Address, Personal, time);

        string first = await HeaderAsync(), second = await HeaderAsync();
        time.Advance(TimeSpan.FromSeconds(269));
        string third = await HeaderAsync();
        Assert.Equal((first, first, 1), (second, third, _exchanges));
        time.Advance(TimeSpan.FromSeconds(2)); // it lives 300 s

        Assert.NotEqual(first, await HeaderAsync());
        Assert.Equal(2, _exchanges);

        async Task<string> HeaderAsync() => (await token.HeaderAsync(CancellationToken.None)).ToString();
    }

    [Theory]
    [InlineData(401, "{}", "401")]
    [InlineData(200, "<html>", "no JSON")]
    [InlineData(200, "{\"refresh\": \"x\"}", "no token")]
    [InlineData(200, "[]", "no token")]
    [InlineData(302, "", "302")]
    public async Task Token_ThatIsNotExchanged_IsExplainedAndTriedAgain(int status, string body, string reason)
    {
        int exchanges = 0;
        await using ImageHost studio = await ImageHost.StartAsync(http =>
        {
            Interlocked.Increment(ref exchanges);
            http.Response.StatusCode = status;
            http.Response.Headers.Location = "/data/elsewhere";
            return http.Response.WriteAsync(body);
        });
        using LabelStudioToken token = new(studio.Address, Personal, TimeProvider.System);

        for (int i = 1; i <= 2; i++)
        {
            SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(
                async () => await token.HeaderAsync(CancellationToken.None));
            Assert.Contains(reason, e.Message, StringComparison.Ordinal);
            Assert.Contains("LabelStudio:AccessToken", e.Message, StringComparison.Ordinal);
            Assert.Equal(i, exchanges);
        }
    }

    [Theory]
    [InlineData("/data/upload/1/a.png", "/ls/data/upload/1/a.png")]
    [InlineData("/ls/data/upload/1/a.png", "/ls/data/upload/1/a.png")]
    [InlineData("upload/1/a.png", "/ls/data/upload/1/a.png")]
    [InlineData("/upload/1/a.png", "/ls/data/upload/1/a.png")]
    [InlineData("/data/local-files/?d=a%2Fb.png", "/ls/data/local-files/?d=a%2Fb.png")]
    [InlineData("/data/upload/1/100%25 of it.png", "/ls/data/upload/1/100%25%20of%20it.png")]
    [InlineData("/storage-data/uploaded/?filepath=upload/1/a.png", "/ls/storage-data/uploaded/?filepath=upload/1/a.png")]
    [InlineData("/tasks/7/resolve/?fileuri=czM6Ly9i", "/ls/tasks/7/resolve/?fileuri=czM6Ly9i")]
    [InlineData("/projects/7/presign?fileuri=czM6Ly9i", "/ls/projects/7/presign?fileuri=czM6Ly9i")]
    [InlineData("s3://bucket/a b/ä?.png", "/ls/tasks/1/presign/?fileuri=czM6Ly9idWNrZXQvYSBiL8OkPy5wbmc=")]
    [InlineData("gs://b/a.png", "/ls/tasks/1/presign/?fileuri=Z3M6Ly9iL2EucG5n")]
    [InlineData("azure-blob://c/a.png", "/ls/tasks/1/presign/?fileuri=YXp1cmUtYmxvYjovL2MvYS5wbmc=")]
    public async Task Fetch_FileBelowASubPath_IsAskedForThere(string image, string expected)
    {
        await using ImageHost studio = await StartAsync();
        await using SegmentationServer server = await ServerAsync(studio, "ls/", "secret");

        JsonElement results = await LabelStudioTests.PredictAsync(server, LabelStudioTests.Brush, image);

        Assert.Equal(3, results[0].GetProperty("result").GetArrayLength());
        (string path, string authorization, _) = Assert.Single(_asked);
        Assert.Equal((expected, "Token secret"), (path, authorization));
    }

    [Theory]
    [InlineData("/../../api/users")]
    [InlineData("/data/../../api/users")]
    [InlineData("/data/../api/users")]
    [InlineData("/ls/../api/users")]
    [InlineData("/ls/data/../../api/users")]
    [InlineData("/data/%2e%2e/api/users")]
    [InlineData("/data/%2E./api/users")]
    [InlineData("/data/%252e%252e/api/users")]
    [InlineData("/data/%25252e%25252e/api/users")]
    [InlineData("/data/..%2f..%2fapi/users")]
    [InlineData("/data/..%5c..%5capi/users")]
    [InlineData(@"/data/..\\..\\api/users")]
    [InlineData("/data/..;/api/users")]
    [InlineData("/api/users")]
    [InlineData("/ls/api/users")]
    [InlineData("/")]
    [InlineData("/data")]
    [InlineData("/database/users")]
    [InlineData("/tasks/1/annotations/")]
    [InlineData("/tasks/1/resolve/../annotations")]
    [InlineData("/tasks/x/resolve/?fileuri=a")]
    [InlineData("/user/account")]
    [InlineData("//169.254.169.254/latest")]
    [InlineData("upload/../../api/users")]
    [InlineData("STUDIO/api/users")]
    [InlineData("STUDIO/ls/api/users")]
    [InlineData("STUDIO/ls/data/../api/users")]
    [InlineData("STUDIO/data/upload/a.png")] // beside the sub-path is another program
    public async Task Fetch_PlaceThatIsNoFile_IsRefusedBeforeItIsAskedFor(string image)
    {
        await using ImageHost studio = await StartAsync();
        await using SegmentationServer server = await ServerAsync(studio, "ls/", "secret");
        image = image.Replace("STUDIO/", studio.Address.ToString(), StringComparison.Ordinal);

        using HttpResponseMessage response = await server.Client.PostAsync(
            "/label-studio/predict", LabelStudioTests.Body(LabelStudioTests.Brush, [image]));

        await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
        Assert.Empty(_asked);
    }

    [Theory]
    [InlineData("/ls/user/login/?next=/data/a.png")]
    [InlineData("/ls/api/users")]
    [InlineData("/other")]
    public async Task Fetch_RedirectThatIsNoFile_IsNotFollowed(string location)
    {
        await using ImageHost studio = await StartAsync(http => http.Response.Redirect(location));
        await using SegmentationServer server = await ServerAsync(studio, "ls", "secret");

        using HttpResponseMessage response = await server.Client.PostAsync(
            "/label-studio/predict", LabelStudioTests.Body(LabelStudioTests.Brush, ["/data/a.png"]));

        Assert.Contains(
            "LabelStudio:AccessToken", await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, response),
            StringComparison.Ordinal);
        Assert.Single(_asked);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fetch_ObjectOfACloud_IsFollowedToListedHostsOnlyAndWithoutTheToken(bool isListed)
    {
        await using ImageHost cloud = await ImageHost.StartAsync(http => http.Response.Body.WriteAsync(Photo.Png).AsTask());
        await using ImageHost studio = await StartAsync(http =>
        {
            http.Response.StatusCode = 303;
            http.Response.Headers.Location = $"{cloud.Address}signed?X-Amz-Signature=1";
        });
        await using SegmentationServer server = await ServerAsync(
            studio, "", "secret", ("Fetch:PrivateHosts:0", isListed ? cloud.Authority : "example.org"));

        using HttpResponseMessage response = await server.Client.PostAsync(
            "/label-studio/predict", LabelStudioTests.Body(LabelStudioTests.Brush, ["s3://bucket/a.png"]));

        Assert.Equal(isListed ? HttpStatusCode.OK : HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(isListed ? [""] : [], cloud.Authorizations);
    }

    [Fact]
    public async Task Fetch_AnotherHostRedirectsToLabelStudio_DoesNotLendItTheToken()
    {
        await using ImageHost studio = await StartAsync();
        await using ImageHost other = await ImageHost.StartAsync(http =>
        {
            http.Response.Redirect(new Uri(studio.Address, "/data/a.png").ToString());
            return Task.CompletedTask;
        });
        await using SegmentationServer server = await ServerAsync(studio, "", "secret", ("Fetch:PrivateHosts:0", other.Authority));

        await LabelStudioTests.PredictAsync(server, LabelStudioTests.Brush, other.Address.ToString());

        Assert.Equal("", Assert.Single(_asked).Authorization);
    }

    [Theory]
    [InlineData("""{"data": {"image": "s3://bucket/a.png"}}""", "the task's number")]
    [InlineData("""{"id": "x", "data": {"image": "gs://bucket/a.png"}}""", "the task's number")]
    [InlineData("""{"id": 1.5, "data": {"image": "azure-blob://bucket/a.png"}}""", "the task's number")]
    public async Task Predict_CloudObjectOfATaskWithoutNumber_SaysWhatIsMissing(string task, string reason)
    {
        await using ImageHost studio = await StartAsync();
        await using SegmentationServer server = await ServerAsync(studio, "", "secret");
        using StringContent body = new(
            $$"""{"tasks": [{{task}}], "label_config": {{JsonSerializer.Serialize(LabelStudioTests.Brush)}}}""",
            Encoding.UTF8, "application/json");

        using HttpResponseMessage response = await server.Client.PostAsync("/label-studio/predict", body);

        Assert.Contains(reason, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    private Task<ImageHost> StartAsync(Action<HttpContext>? redirect = null) => ImageHost.StartAsync(async http =>
    {
        if (http.Request.Path.Value!.EndsWith("/api/token/refresh/", StringComparison.Ordinal) && HttpMethods.IsPost(http.Request.Method))
        {
            JsonElement sent = await JsonSerializer.DeserializeAsync<JsonElement>(http.Request.Body);
            Assert.Equal(Personal, sent.GetProperty("refresh").GetString());
            int number = Interlocked.Increment(ref _exchanges);
            await http.Response.WriteAsync($$"""{"access": "{{Jwt("access", 300, number)}}"}""");
            return;
        }

        _asked.Enqueue((
            http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget,
            http.Request.Headers.Authorization.ToString(), http.Request.Headers.UserAgent.ToString()));
        if (redirect is not null)
        {
            redirect(http);
            return;
        }

        await http.Response.Body.WriteAsync(Photo.Png);
    });

    private static Task<SegmentationServer> ServerAsync(
        ImageHost studio, string path, string token, params (string, string)[] settings) => SegmentationServer.StartAsync(
        [("LabelStudio:Url", new Uri(studio.Address, path).ToString()), ("LabelStudio:AccessToken", token), .. settings]);

    private static string Jwt(string type, long seconds, int number = 0)
    {
        const long Issued = 1_700_000_000; // by another clock than this machine's
        string payload = $$"""{"token_type": "{{type}}", "iat": {{Issued}}, "exp": {{Issued + seconds}}, "jti": "{{number}}"}""";
        return $"{Encode("""{"alg": "HS256", "typ": "JWT"}""")}.{Encode(payload)}.c2lnbmF0dXJl";
    }

    private static string Encode(string text) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
