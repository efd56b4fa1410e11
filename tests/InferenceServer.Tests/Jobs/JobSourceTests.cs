using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Jobs;

/// <summary>Jobs whose images are in folders or at URLs, and whose masks go to a folder.</summary>
public sealed class JobSourceTests : JobTestBase
{
    private readonly string _data = Directory.CreateTempSubdirectory("data-").FullName;

    private string In => Path.Combine(_data, "in");

    private string Out => Path.Combine(_data, "out");

    public override void Dispose()
    {
        Directory.Delete(_data, recursive: true);
        base.Dispose();
    }

    [Fact]
    public async Task Job_OfAFolder_WritesEachMaskOnceAndSaysHowItEnded()
    {
        Put("a.png", Photo.Png);
        Put("deep/er/b.png", Photo.Plain(5, 4, 2));
        Put("deep/c.png", [1, 2, 3]);
        Put("notes.txt", [1]);
        await using SegmentationServer server = await StartAsync();

        JsonElement end = await RunAsync(server, Request("*.png"));

        Assert.Equal(("done", 2, 1), Progress(end));
        Assert.Equal(3, end.GetProperty("total").GetInt32());
        Assert.Equal(
            ["_SUCCESS", "a.png.raw", "answers.ndjson", "deep/er/b.png.raw", "failures.ndjson"],
            Files(Out));
        Assert.Equal(Photo.Labels, await File.ReadAllBytesAsync(Path.Combine(Out, "a.png.raw")));
        JsonElement[] answers = await LinesAsync("answers.ndjson"), failures = await LinesAsync("failures.ndjson");
        Assert.Equal([200, 415, 200], answers.Select(line => line.GetProperty("status").GetInt32()));
        Assert.Equal(Path.Combine(In, "a.png"), answers[0].GetProperty("name").GetString());
        Assert.Equal(Path.Combine(Out, "deep/er/b.png.raw"), answers[2].GetProperty("output").GetString());
        Assert.Equal(20, answers[2].GetProperty("bytes").GetInt32());
        Assert.Equal(Path.Combine(In, "deep/c.png"), Assert.Single(failures).GetProperty("name").GetString());
        Assert.Equal(
            """{"total":3,"done":2,"failed":1}""", await File.ReadAllTextAsync(Path.Combine(Out, "_SUCCESS")));
    }

    [Theory]
    [InlineData("deep/*.png", 1)]
    [InlineData("**/*.png", 3)]
    [InlineData("b.*", 1)]
    [InlineData(null, 3)]
    public async Task Job_Glob_ChoosesImages(string? glob, int total)
    {
        Put("a.png", Photo.Png);
        Put("deep/c.png", Photo.Png);
        Put("deep/er/b.png", Photo.Png);
        await using SegmentationServer server = await StartAsync();

        Assert.Equal(total, (await RunAsync(server, Request(glob))).GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task Job_OfOneFileOrNone_IsPlannedOrFails()
    {
        Put("deep/a.png", Photo.Png);
        await using SegmentationServer server = await StartAsync();

        JsonElement one = await RunAsync(server, Request(null, source: "deep/a.png"));
        JsonElement none = await RunAsync(server, Request("*.tif"));

        Assert.Equal(("done", 1, 0), Progress(one));
        Assert.Contains("a.png.raw", Files(Out));
        Assert.Equal("failed", none.GetProperty("state").GetString());
        Assert.Contains("found none", none.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fail", "done", 1, 1, false)]
    [InlineData("skip", "done", 2, 0, false)]
    [InlineData("overwrite", "done", 2, 0, true)]
    public async Task Job_MaskThatExists_IsTreatedAsAsked(string existing, string state, int done, int failed, bool isReplaced)
    {
        Put("a.png", Photo.Png);
        Put("b.png", Photo.Png);
        Directory.CreateDirectory(Out);
        await File.WriteAllTextAsync(Path.Combine(Out, "a.png.raw"), "other");
        await File.WriteAllTextAsync(Path.Combine(Out, "_SUCCESS"), "of an earlier job");
        await using SegmentationServer server = await StartAsync();

        JsonElement end = await RunAsync(server, Request(null, existing));

        Assert.Equal((state, done, failed), Progress(end));
        Assert.Equal(isReplaced, (await File.ReadAllBytesAsync(Path.Combine(Out, "a.png.raw"))).SequenceEqual(Photo.Labels));
        Assert.Contains("total", await File.ReadAllTextAsync(Path.Combine(Out, "_SUCCESS")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_MaskThatAppearsMeanwhile_IsItsOwnOnlyWithTheSameBytes()
    {
        Put("a.png", Photo.Png);
        Put("b.png", Photo.Png);
        await using SegmentationServer server = await StartAsync(("Jobs:Workers", "1"));
        using GatedSession gate = new(server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        Uri job = await PostAsync(server, Request(null));
        await Eventually.TrueAsync(() => gate.Runs.Count == 1);
        Directory.CreateDirectory(Out);
        await File.WriteAllBytesAsync(Path.Combine(Out, "a.png.raw"), Photo.Labels); // by a worker that had the same chunk
        await File.WriteAllTextAsync(Path.Combine(Out, "b.png.raw"), "other");
        gate.Open();

        Assert.Equal(("done", 1, 1), Progress((await WatchAsync(server, job))[^1]));
        Assert.Equal("other", await File.ReadAllTextAsync(Path.Combine(Out, "b.png.raw")));
    }

    [Fact]
    public async Task Job_TargetBelowTheSource_DoesNotReadItsOwnMasks()
    {
        Put("a.png", Photo.Png);
        Put("masks/old.png", Photo.Png);
        await using SegmentationServer server = await StartAsync();

        JsonElement end = await RunAsync(
            server, $$$"""{"sources": [{"path": "{{{In}}}/"}], "target": {"path": "{{{In}}}/masks"}, "parameters": {"format": "raw"}}""");

        Assert.Equal(1, end.GetProperty("total").GetInt32());
        Assert.Equal(Photo.Labels, await File.ReadAllBytesAsync(Path.Combine(In, "masks", "a.png.raw")));
    }

    [Fact]
    public async Task Job_TwoSourcesWithOneKey_FailsBeforeAnyMask()
    {
        Put("one/a.png", Photo.Png);
        Put("two/a.png", Photo.Png);
        await using SegmentationServer server = await StartAsync();

        JsonElement end = await RunAsync(
            server,
            $$$"""{"sources": [{"path": "{{{In}}}/one/"}, {"path": "{{{In}}}/two/"}], "target": {"path": "{{{Out}}}"}}""");

        Assert.Contains("a.png.png", end.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Empty(Files(Out));
    }

    [Fact]
    public async Task Job_OfUrls_KeepsItsMasksInTheResult()
    {
        using HttpListener host = Loopback.Listen(out Uri address);
        _ = ServeAsync(host, context => context.Request.Url!.AbsolutePath == "/gone.png" ? (404, []) : (200, Photo.Png));
        await using SegmentationServer server = await StartAsync(("Fetch:PrivateHosts:0", address.Authority));

        Uri job = await PostAsync(
            server, $$$"""{"sources": [{"urls": ["{{{address}}}a.png?v=1", "{{{address}}}gone.png"]}], "parameters": {"format": "raw"}}""");
        JsonElement end = (await WatchAsync(server, job))[^1];
        Dictionary<int, JsonElement> lines = await ResultAsync(server, job);

        Assert.Equal(("done", 1, 1), Progress(end));
        Assert.Equal(Photo.Labels, lines[0].GetProperty("mask").GetBytesFromBase64());
        Assert.Equal("urn:inference-server:image-not-fetched", lines[1].GetProperty("type").GetString());
    }

    [Fact]
    public async Task Job_Webhook_IsToldTheEndWithASignature()
    {
        Put("a.png", Photo.Png);
        using HttpListener host = Loopback.Listen(out Uri address);
        TaskCompletionSource<(byte[] Body, string? Signature)> told = new();
        int calls = 0;
        _ = ServeAsync(host, context =>
        {
            if (calls++ == 0)
            {
                return (503, []); // told again
            }

            using MemoryStream body = new();
            context.Request.InputStream.CopyTo(body);
            told.SetResult((body.ToArray(), context.Request.Headers["X-Signature"]));
            return (200, []);
        });
        await using SegmentationServer server = await StartAsync(
            ("Jobs:WebhookHosts:0", address.Authority), ("Jobs:WebhookSecret", "secret"));

        await RunAsync(
            server,
            $$$"""{"sources": [{"path": "{{{In}}}/"}], "target": {"path": "{{{Out}}}"}, "notify": {"webhook": "{{{address}}}done"}}""");
        (byte[] body, string? signature) = await told.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal("sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData("secret"u8, body)), signature);
        Assert.Equal(("done", 1, 0), Progress(JsonDocument.Parse(body).RootElement));
    }

    [Theory]
    [InlineData("""{"sources": []}""", "sources")]
    [InlineData("""{"sources": null}""", "sources")]
    [InlineData("""{"sources": [{}]}""", "exactly one of uri, path and urls")]
    [InlineData("""{"sources": [{"path": "/etc/"}]}""", "Jobs:Sources")]
    [InlineData("""{"sources": [{"path": "IN-other/"}]}""", "Jobs:Sources")]
    [InlineData("""{"sources": [{"path": "IN/../secret/"}]}""", "..")]
    [InlineData("""{"sources": [{"path": "relative"}]}""", "full path")]
    [InlineData("""{"sources": [{"uri": "s3://bucket/in/"}]}""", "Jobs:Sources")]
    [InlineData("""{"sources": [{"uri": "https://host/in/"}]}""", "s3://")]
    [InlineData("""{"sources": [{"uri": "s3://B/in/"}]}""", "bucket")]
    [InlineData("""{"sources": [{"urls": ["http://host/a.png"]}]}""", "Fetch:Hosts")]
    [InlineData("""{"sources": [{"path": "IN/"}], "target": {"path": "/tmp/elsewhere"}}""", "Jobs:Targets")]
    [InlineData("""{"sources": [{"path": "IN/", "glob": "**/**/**/**/a"}]}""", "glob")]
    [InlineData("""{"sources": [{"path": "IN/", "glob": "**/a/../b"}]}""", "glob")]
    [InlineData("""{"sources": [{"path": "IN/", "glob": "../*.png"}]}""", "glob")]
    [InlineData("""{"sources": [{"path": "IN/"}], "target": {}}""", "exactly one of uri and path")]
    [InlineData("""{"sources": [{"path": "IN/"}], "target": {"path": "IN"}}""", "another place")]
    [InlineData("""{"sources": [{"path": "IN/"}], "target": {"path": "OUT", "existing": "maybe"}}""", "existing")]
    [InlineData("""{"sources": [{"path": "IN/"}], "notify": {"webhook": "http://host/"}}""", "Jobs:WebhookHosts")]
    [InlineData("""{"sources": [{"path": "IN/"}], "notify": {"webhook": "file:///etc"}}""", "Jobs:WebhookHosts")]
    [InlineData("""{"sources": [{"path": "IN/"}], "parameters": {"alpha": 2}}""", "alpha")]
    [InlineData("""{"sources": [{"path": "IN/"}], "parameters": {"unknown": 2}}""", "unknown")]
    [InlineData("""{"sources": [{"path": "IN/"}], "sauce": 1}""", "sauce")]
    [InlineData("""{"sources": [{"path": "IN/"}]""", "JSON")]
    [InlineData("null", "null")]
    [InlineData("[]", "JSON")]
    public async Task Create_RequestThatIsWrong_SaysWhatToChange(string body, string expected)
    {
        await using SegmentationServer server = await StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/jobs", Json(body.Replace("IN", In, StringComparison.Ordinal).Replace("OUT", Out, StringComparison.Ordinal)));

        Assert.Contains(
            expected, await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.OrdinalIgnoreCase);
        Assert.Empty(Directory.EnumerateDirectories(Kept));
    }

    [Fact]
    public async Task Create_ParameterThatIsNoUnicode_IsRefused()
    {
        await using SegmentationServer server = await StartAsync();
        string begin = $$$"""{"sources": [{"path": "{{{In}}}/"}], "parameters": {"format": "r""";
        byte[] body = [.. Encoding.UTF8.GetBytes(begin), 0xEB, .. "w\"}}"u8];
        using ByteArrayContent content = new(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", content);

        await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
    }

    [Fact]
    public async Task Create_ParametersInTheQuery_AreNotIgnored()
    {
        await using SegmentationServer server = await StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/jobs?format=raw", Json($$$"""{"sources": [{"path": "{{{In}}}/"}]}"""));

        Assert.Contains("format", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_UnknownModel_IsToldAtOnce()
    {
        await using SegmentationServer server = await StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync(
            "/v1/jobs", Json($$$"""{"model": "nobody", "sources": [{"path": "{{{In}}}/"}]}"""));

        await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response);
    }

    [Fact]
    public async Task Jobs_OfTwoKeys_EachSeesItsOwnPlacesAndJobs()
    {
        Put("lab/a.png", Photo.Png);
        Put("shop/a.png", Photo.Png);
        await using SegmentationServer server = await StartAsync(
            [
                ("Jobs:Sources:0", In + "/{key}/"), ("Jobs:Targets:0", Out + "/{key}"),
                .. ((string[])["lab", "shop"]).Select(k =>
                    (
                        $"Security:Keys:{k}:Hash",
                        "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(k)))))
            ]);
        server.Client.DefaultRequestHeaders.Add("X-API-Key", "lab");
        JsonElement end = await RunAsync(
            server, $$$"""{"sources": [{"path": "{{{In}}}/lab/"}], "target": {"path": "{{{Out}}}/lab"}}""");
        using HttpResponseMessage refused = await server.Client.PostAsync(
            "/v1/jobs", Json($$$"""{"sources": [{"path": "{{{In}}}/shop/"}]}"""));
        JsonElement mine = await server.Client.GetFromJsonAsync<JsonElement>("/v1/jobs");
        server.Client.DefaultRequestHeaders.Remove("X-API-Key");
        server.Client.DefaultRequestHeaders.Add("X-API-Key", "shop");
        JsonElement others = await server.Client.GetFromJsonAsync<JsonElement>("/v1/jobs");

        Assert.Equal(("done", 1, 0), Progress(end));
        await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, refused);
        Assert.Equal(end.GetProperty("id").GetString(), Assert.Single(mine.EnumerateArray()).GetProperty("id").GetString());
        Assert.Empty(others.EnumerateArray());
    }

    [Fact]
    public async Task Restart_ImageThatEndedThreeServers_FailsAndTheOthersAreSegmented()
    {
        Uri job = await LeaveUnfinishedAsync();
        string tries = Directory.CreateDirectory(Path.Combine(Kept, Path.GetFileName(job.ToString()), "tries")).FullName;
        await File.WriteAllTextAsync(Path.Combine(tries, "00000000"), """{"index":0,"deaths":2}""");

        await using SegmentationServer server = await StartAsync();

        Assert.Equal(("done", 0, 1), Progress((await WatchAsync(server, job))[^1]));
        Assert.Contains("ended 3 times", (await ResultAsync(server, job))[0].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));

    private static async Task ServeAsync(HttpListener host, Func<HttpListenerContext, (int Status, byte[] Body)> answer)
    {
        while (host.IsListening)
        {
            try
            {
                HttpListenerContext context = await host.GetContextAsync();
                (context.Response.StatusCode, byte[] body) = answer(context);
                context.Response.Close(body, willBlock: true);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return; // the test has ended
            }
        }
    }

    private static string[] Files(string folder) => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal)]
        : [];

    private static async Task<Uri> PostAsync(SegmentationServer server, string body)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", Json(body));
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!;
    }

    private static async Task<JsonElement> RunAsync(SegmentationServer server, string body) =>
        (await WatchAsync(server, await PostAsync(server, body)))[^1];

    private string Request(string? glob, string existing = "fail", string source = "") => JsonSerializer.Serialize(new
    {
        model = "tiny",
        parameters = new { format = "raw" },
        sources = new object[] { glob is null ? new { path = In + "/" + source } : new { path = In + "/" + source, glob } },
        target = new { path = Out, existing },
    });

    private void Put(string name, byte[] bytes)
    {
        string path = Path.Combine(In, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
    }

    private async Task<JsonElement[]> LinesAsync(string name) =>
        [.. (await File.ReadAllLinesAsync(Path.Combine(Out, name))).Select(line => JsonDocument.Parse(line).RootElement)];

    private new Task<SegmentationServer> StartAsync(params (string Key, string Value)[] settings) =>
        base.StartAsync([("Jobs:Sources:0", In), ("Jobs:Targets:0", _data), .. settings]);
}
