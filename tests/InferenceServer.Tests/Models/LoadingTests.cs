using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace InferenceServer.Tests.Models;

/// <summary>Loading and unloading by the API, and versions side by side.</summary>
public sealed class LoadingTests : IAsyncLifetime
{
    private const string Key = "a key of some length";
    private readonly ModelsFolder _folder = new();
    private SegmentationServer _server = null!;

    public async Task InitializeAsync()
    {
        _folder.Add("tiny", 1);
        _folder.Add("tiny", 2);
        _server = await SegmentationServer.StartAsync(
            ("Models:Path", _folder.Path), ("Models:Versions", "all"), ("Security:Keys:operator:Hash", Hash(Key)),
            ("Security:Keys:operator:Scopes", "admin"), ("Security:Anonymous", "infer"));
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Segment_VersionInTheUrl_IsTheOneThatAnswers(int version)
    {
        using HttpResponseMessage response = await _server.Client.PostAsync(
            $"/v1/segment/tiny/versions/{version}", Photo.Content(Photo.Png));
        JsonElement description = await _server.Client.GetFromJsonAsync<JsonElement>($"/v1/models/tiny/versions/{version}");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal($"{version}", Assert.Single(response.Headers.GetValues("X-Model-Version")));
        Assert.Equal(version, description.GetProperty("model").GetProperty("version").GetInt32());
        Assert.Equal([2, 1], description.GetProperty("model").GetProperty("versions").EnumerateArray().Select(v => v.GetInt32()));
    }

    [Fact]
    public async Task Version_ThatDoesNotServe_Answers404AndListsThoseThatDo()
    {
        using HttpResponseMessage segment = await _server.Client.PostAsync("/v1/segment/tiny/versions/3", Photo.Content(Photo.Png));
        using HttpResponseMessage describe = await _server.Client.GetAsync("/v1/models/tiny/versions/3");

        Assert.Contains("2, 1", await ProblemAssert.IsAsync(HttpStatusCode.NotFound, segment), StringComparison.Ordinal);
        Assert.Contains("2, 1", await ProblemAssert.IsAsync(HttpStatusCode.NotFound, describe), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_NewVersion_ServesItWhenItAnswers()
    {
        _folder.Add("tiny", 3);

        using HttpResponseMessage response = await ChangeAsync("tiny/load", Key);

        JsonElement description = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(3, description.GetProperty("model").GetProperty("version").GetInt32());
    }

    [Fact]
    public async Task Load_BadVersion_Answers422AndKeepsTheOldOne()
    {
        _folder.AddBroken("tiny", 3);

        using HttpResponseMessage response = await ChangeAsync("tiny/load", Key);

        string detail = await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, response);
        Assert.Contains("tiny/3/model.onnx", detail, StringComparison.Ordinal);
        Assert.Contains("Version 2 keeps serving", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_FolderThatCannotBeRead_Answers422AndIsNotLoadingForEver()
    {
        (await ChangeAsync("tiny/unload", Key)).Dispose();
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "tiny", "2", "loop"), "loop"); // stands for a disk that fails

        using HttpResponseMessage response = await ChangeAsync("tiny/load", Key);

        Assert.Contains(
            "cannot be read", await ProblemAssert.IsAsync(HttpStatusCode.UnprocessableEntity, response),
            StringComparison.Ordinal);
        JsonElement description = await _server.Client.GetFromJsonAsync<JsonElement>("/v1/models/tiny");
        Assert.Equal("UNAVAILABLE", description.GetProperty("model").GetProperty("state").GetString());
    }

    [Fact]
    public async Task Load_UnknownModel_Answers404AndListsThoseThereAre()
    {
        using HttpResponseMessage response = await ChangeAsync("none/load", Key);

        Assert.Contains("tiny", await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unload_ThenLoad_StopsAndStartsServing()
    {
        using HttpResponseMessage unload = await ChangeAsync("tiny/unload", Key);
        Assert.Equal(HttpStatusCode.OK, unload.StatusCode);
        using HttpResponseMessage refused = await _server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        Assert.Contains(
            "unloaded on request", await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, refused),
            StringComparison.Ordinal);

        using HttpResponseMessage load = await ChangeAsync("tiny/load", Key);
        Assert.Equal(HttpStatusCode.OK, load.StatusCode);
        using HttpResponseMessage served = await _server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("another key, also long")]
    public async Task Change_WrongKey_Answers401(string? key)
    {
        using HttpResponseMessage response = await ChangeAsync("tiny/unload", key);

        await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response);
        Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
    }

    [Fact]
    public async Task Change_NoKeyConfigured_Answers403AndNamesTheOption()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();

        using HttpResponseMessage response = await ChangeAsync("tiny/unload", Key, server);

        Assert.Contains("Security:Keys", await ProblemAssert.IsAsync(HttpStatusCode.Forbidden, response), StringComparison.Ordinal);
    }

    private static string Hash(string key) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private async Task<HttpResponseMessage> ChangeAsync(string change, string? key, SegmentationServer? server = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/models/" + change)
        {
            Headers = { Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key) },
        };
        return await (server ?? _server).Client.SendAsync(request);
    }
}
