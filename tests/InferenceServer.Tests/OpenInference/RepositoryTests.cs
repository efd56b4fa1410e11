using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.OpenInference;

namespace InferenceServer.Tests.OpenInference;

/// <summary>The model repository extension, and who may use it.</summary>
public sealed class RepositoryTests : IAsyncLifetime
{
    private const string Operator = "the operator's key";
    private const string Lab = "the lab's key";
    private SegmentationServer _server = null!;

    public async Task InitializeAsync() => _server = await SegmentationServer.StartAsync(
        ("Security:Keys:operator:Hash", Hash(Operator)), ("Security:Keys:operator:Scopes", "admin"), ("Security:Keys:lab:Hash", Hash(Lab)));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("/v2/repository/index")]
    [InlineData("/v2/repository/main/index")]
    public async Task Index_AllModels_HasBothFormsWithStateAndReason(string path)
    {
        JsonElement[] entries = [.. (await ReadAsync(await PostAsync(path, "", Lab))).EnumerateArray()];

        Assert.All(entries, e => Assert.Equal(["name", "version", "state", "reason"], e.EnumerateObject().Select(m => m.Name)));
        Assert.Equal(("1", "READY", ""), State(entries, "tiny"));
        Assert.Equal(("1", "READY", ""), State(entries, "tiny.image"));
        (string version, string state, string reason) = State(entries, "tiny-nan");
        Assert.Equal(("", "UNAVAILABLE"), (version, state));
        Assert.Contains("NaN", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Index_OnlyReady_LeavesOutTheOthers()
    {
        JsonElement[] entries =
        [
            .. (await ReadAsync(await PostAsync("/v2/repository/index", """{"ready": true}""", Operator)))
                .EnumerateArray()
        ];

        Assert.NotEmpty(entries);
        Assert.All(entries, e => Assert.Equal("READY", e.GetProperty("state").GetString()));
    }

    [Fact]
    public async Task Index_BodyThatDoesNotCome_IsNotWaitedForLong()
    {
        Uri address = _server.Client.BaseAddress!;
        using TcpClient client = new(address.Host, address.Port); // HttpClient would wait for the end of its own body
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /v2/repository/index HTTP/1.1\r\nHost: {address.Authority}\r\nX-Api-Key: {Lab}\r\nContent-Length: 9\r\n\r\n{{"));
        using StreamReader reader = new(client.GetStream());

        string? status = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal("HTTP/1.1 504 Gateway Timeout", status);
    }

    [Fact]
    public void Timeout_WhileManyMessagesAreAwaited_IsShort()
    {
        IDisposable[] waiting = [.. Enumerable.Range(0, 1000).Select(_ => SmallBody.Wait())];
        TimeSpan busy = SmallBody.Timeout;
        Array.ForEach(waiting, one => one.Dispose());

        Assert.Equal((TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(4)), (busy, SmallBody.Timeout));
    }

    [Fact]
    public async Task UnloadAndLoad_ByEitherName_TakeTheModelOutAndBack()
    {
        using HttpResponseMessage unloaded = await PostAsync(
            "/v2/repository/models/tiny.image/unload", """{"parameters": {"unload_dependents": false}}""", Operator);
        JsonElement[] without = [.. (await ReadAsync(await PostAsync("/v2/repository/index", "", Operator))).EnumerateArray()];
        using HttpResponseMessage loaded = await PostAsync("/v2/repository/main/models/tiny/load", "", Operator);
        JsonElement[] with = [.. (await ReadAsync(await PostAsync("/v2/repository/index", "", Operator))).EnumerateArray()];

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (unloaded.StatusCode, loaded.StatusCode));
        Assert.Empty(await loaded.Content.ReadAsByteArrayAsync());
        Assert.Equal("UNAVAILABLE", State(without, "tiny").State);
        Assert.Equal("READY", State(with, "tiny").State);
    }

    [Theory]
    [InlineData("/v2/repository/models/absent/load", "", HttpStatusCode.NotFound)]
    [InlineData("/v2/repository/models/absent/unload", "", HttpStatusCode.NotFound)]
    [InlineData("/v2/repository/models/tiny-nan/load", "", HttpStatusCode.UnprocessableEntity)]
    [InlineData("/v2/repository/models/tiny/load", """{"parameters": {"config": "{}"}}""", HttpStatusCode.NotImplemented)]
    [InlineData("/v2/repository/models/tiny/load", """{"parameters": {"file:1/model.onnx": "AA=="}}""", HttpStatusCode.NotImplemented)]
    [InlineData("/v2/repository/models/tiny/load", "{", HttpStatusCode.BadRequest)]
    public async Task Change_ThatCannotBe_HasAnErrorInItsBody(string path, string body, HttpStatusCode status) =>
        await ProblemAssert.IsAsync(status, await PostAsync(path, body, Operator));

    [Theory]
    [InlineData("/v2/repository/index", "gzip", 5000, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData("/v2/repository/index", "", 5000, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData("/v2/repository/index", "gzip", 1000, HttpStatusCode.OK)]
    [InlineData("/v2/repository/main/index", "", 5000, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData("/v2/repository/models/tiny/load", "gzip", 2_000_000, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData("/v2/repository/models/tiny/load", "", 2_000_000, HttpStatusCode.RequestEntityTooLarge)]
    // As long as a configuration may be, which is refused with a sentence.
    [InlineData("/v2/repository/models/tiny/load", "gzip", 100_000, HttpStatusCode.OK)]
    public async Task Body_WithoutUse_IsBounded(string path, string encoding, int length, HttpStatusCode status)
    {
        HttpContent content = InferCall.Content($$"""{"ready": true, "more": "{{new string(' ', length)}}"}""");
        using HttpRequestMessage request = new(HttpMethod.Post, path)
        {
            Content = encoding.Length > 0 ? await InferCall.CompressedAsync(content, encoding) : content,
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Operator);
        using HttpResponseMessage response = await _server.Client.SendAsync(request);
        Assert.Equal(status, response.StatusCode);
    }

    [Theory]
    [InlineData("br", HttpStatusCode.BadRequest)]
    [InlineData("gzip", HttpStatusCode.BadRequest)]
    [InlineData("zstd", HttpStatusCode.UnsupportedMediaType)]
    public async Task Body_EncodingUnknownOrBroken_IsTheCallersFault(string encoding, HttpStatusCode status)
    {
        foreach (string path in (string[])["/v2/repository/index", "/v2/repository/models/tiny/load"])
        {
            using HttpRequestMessage request = new(HttpMethod.Post, path)
            {
                Content = new ByteArrayContent("not compressed at all"u8.ToArray()),
            };
            request.Content.Headers.ContentEncoding.Add(encoding);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Operator);
            await ProblemAssert.IsAsync(status, await _server.Client.SendAsync(request));
        }
    }

    [Theory]
    [InlineData("/v2/repository/models/tiny/load", Lab, HttpStatusCode.Forbidden)]
    [InlineData("/v2/repository/models/tiny/unload", Lab, HttpStatusCode.Forbidden)]
    [InlineData("/v2/repository/models/tiny/load", null, HttpStatusCode.Unauthorized)]
    [InlineData("/v2/repository/index", null, HttpStatusCode.Unauthorized)]
    [InlineData("/v2/models/tiny/infer", null, HttpStatusCode.Unauthorized)]
    [InlineData("/v2/models/tiny/infer", Operator, HttpStatusCode.Forbidden)]
    public async Task Post_WithoutTheScope_IsRefused(string path, string? key, HttpStatusCode status) =>
        await ProblemAssert.IsAsync(status, await PostAsync(path, "", key));

    private static (string Version, string State, string Reason) State(JsonElement[] entries, string name)
    {
        JsonElement entry = Assert.Single(entries, e => e.GetProperty("name").GetString() == name);
        return (
            entry.GetProperty("version").GetString()!, entry.GetProperty("state").GetString()!,
            entry.GetProperty("reason").GetString()!);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
    {
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    private static string Hash(string key) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private async Task<HttpResponseMessage> PostAsync(string path, string body, string? key)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        return await _server.Client.SendAsync(request);
    }
}
