using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using InferenceServer.Runtime.Pulling;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Tests.Pulling;

/// <summary>A repository of the Hugging Face Hub, of which a small imitation runs here.</summary>
public sealed class HubModelsTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly string _root = Directory.CreateTempSubdirectory("hub-").FullName;
    private readonly HttpListener _listener = new();
    private readonly ConcurrentQueue<string> _requests = [];
    private readonly Dictionary<string, byte[]> _files = new()
    {
        ["model.json"] = "manifest"u8.ToArray(),
        ["1/model.onnx"] = "graph"u8.ToArray(),
        ["README.md"] = "read me"u8.ToArray(),
    };

    private string _commit = Commit;
    private int? _refusal;

    public HubModelsTests()
    {
        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        (Hub, Cdn) = ($"http://127.0.0.1:{port}", $"http://localhost:{port}");
        _listener.Prefixes.Add(Hub + "/");
        _listener.Prefixes.Add(Cdn + "/");
        _listener.Start();
        _ = ServeAsync();
        Environment.SetEnvironmentVariable("HF_ENDPOINT", Hub);
        Environment.SetEnvironmentVariable("HF_TOKEN", "hf_secret");
    }

    private string Hub { get; }

    private string Cdn { get; }

    [Fact]
    public async Task Pull_Repository_IsOneModel()
    {
        (ModelCache cache, PullResult result) = await PullAsync("hf://acme/street");

        CachedModel model = Assert.Single(result.Models);
        Assert.Empty(result.Failures);
        Assert.Equal(Commit, result.Commit);
        Assert.Equal("graph", await File.ReadAllTextAsync(Path.Combine(cache.FolderOf(model), "1", "model.onnx")));
        Assert.Equal("manifest", await File.ReadAllTextAsync(Path.Combine(cache.FolderOf(model), "model.json")));
        Assert.Equal(
            [
                $"127.0.0.1 Bearer hf_secret /acme/street/resolve/{Commit}/1/model.onnx",
                $"127.0.0.1 Bearer hf_secret /acme/street/resolve/{Commit}/model.json",
                $"127.0.0.1 Bearer hf_secret /api/models/acme/street/revision/main",
                $"127.0.0.1 Bearer hf_secret /api/models/acme/street/tree/{Commit}?recursive=true",
                $"127.0.0.1 Bearer hf_secret /api/models/acme/street/tree/{Commit}?recursive=true&cursor=2",
                "localhost  /cdn/1/model.onnx", // no token for another host
            ],
            _requests.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task List_SameCommit_AsksForTheCommitAlone()
    {
        HubModels remote = Open("hf://acme/street@refs/pr/1");
        RemoteListing first = await remote.ListAsync(null, default);
        _requests.Clear();

        Assert.Same(first, await remote.ListAsync(first, default));

        Assert.Equal("127.0.0.1 Bearer hf_secret /api/models/acme/street/revision/refs%2Fpr%2F1", Assert.Single(_requests));
        _commit = Commit.Replace('0', 'f');
        Assert.Equal(_commit, (await remote.ListAsync(first, default)).Commit);
    }

    [Fact]
    public async Task List_Commit_IsNotLookedUp()
    {
        HubModels remote = Open("hf://acme/street@" + Commit);

        await remote.ListAsync(null, default);

        Assert.DoesNotContain(_requests, request => request.Contains("/revision/", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("1/model.onnx", "the hash")] // SHA-256 of a large file
    [InlineData("model.json", "the hash")] // Git's hash of a small file
    public async Task Pull_DamagedFile_IsRefused(string file, string reason)
    {
        await Open("hf://acme/street").ListAsync(null, default);
        _damaged = file;

        (_, PullResult result) = await PullAsync("hf://acme/street");

        Assert.Empty(result.Models);
        Assert.Contains(reason, result.Failures["street"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, false, "HF_TOKEN")]
    [InlineData(404, false, "no such repository or revision")]
    [InlineData(429, true, "try again later")]
    [InlineData(503, true, "try again later")]
    [InlineData(200, false, "did not answer in the form of the Hub; check HF_ENDPOINT")]
    public async Task List_Refusal_IsExplained(int status, bool isTransient, string reason)
    {
        _refusal = status;

        StorageException failure = await Assert.ThrowsAsync<StorageException>(() => Open("hf://acme/street").ListAsync(null, default));

        Assert.Equal(isTransient, failure.IsTransient);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_secret", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_NoHub_IsTransient()
    {
        _listener.Stop();

        StorageException failure = await Assert.ThrowsAsync<StorageException>(() => Open("hf://acme/street").ListAsync(null, default));

        Assert.True(failure.IsTransient);
        Assert.Contains("cannot be reached", failure.Message, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Close();
        Environment.SetEnvironmentVariable("HF_ENDPOINT", null);
        Environment.SetEnvironmentVariable("HF_TOKEN", null);
        Directory.Delete(_root, recursive: true);
    }

    private string? _damaged;

    private static HubModels Open(string text)
    {
        Assert.True(ModelPlace.TryParse(text, out ModelPlace? place, out _));
        return new HubModels(place, HubModels.CreateClient());
    }

    private async Task<(ModelCache Cache, PullResult Result)> PullAsync(string place)
    {
        ModelCache cache = new(_root, TimeProvider.System);
        return (cache, await new ModelPuller(Open(place), cache, 2, TimeSpan.Zero, TimeProvider.System).PullAsync([], default));
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                _requests.Enqueue($"{context.Request.Url!.Host} {context.Request.Headers["Authorization"]} {context.Request.RawUrl}");
                Answer(context, context.Request.RawUrl!);
                context.Response.Close();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private void Answer(HttpListenerContext context, string url)
    {
        const string Resolve = "/resolve/";
        byte[] body = [];
        if (_refusal is { } status)
        {
            context.Response.StatusCode = status;
            body = "[]"u8.ToArray();
        }
        else if (url.Contains("/revision/", StringComparison.Ordinal))
        {
            body = Encoding.UTF8.GetBytes($$"""{ "id": "acme/street", "sha": "{{_commit}}", "siblings": [] }""");
        }
        else if (url.Contains("/tree/", StringComparison.Ordinal) && !url.Contains("cursor", StringComparison.Ordinal))
        {
            context.Response.Headers["Link"] = $"<{Hub}{url}&cursor=2>; rel=\"next\"";
            body = Encoding.UTF8.GetBytes($$"""
                [
                  { "type": "directory", "oid": "1", "size": 0, "path": "1" },
                  { "type": "file", "oid": "{{Git("README.md")}}", "size": 7, "path": "README.md" },
                  {
                    "type": "file", "oid": "2", "size": 5, "path": "1/model.onnx",
                    "lfs": { "oid": "{{Convert.ToHexStringLower(SHA256.HashData(_files["1/model.onnx"]))}}", "size": 5, "pointerSize": 130 }
                  }
                ]
                """);
        }
        else if (url.Contains("/tree/", StringComparison.Ordinal))
        {
            body = Encoding.UTF8.GetBytes($$"""[{ "type": "file", "oid": "{{Git("model.json")}}", "size": 8, "path": "model.json" }]""");
        }
        else if (url.Contains(Resolve, StringComparison.Ordinal) && url.EndsWith(".onnx", StringComparison.Ordinal))
        {
            context.Response.StatusCode = 302;
            context.Response.Headers["Location"] = Cdn + "/cdn/1/model.onnx";
        }
        else
        {
            string file = url.Contains("/cdn/", StringComparison.Ordinal) ? url["/cdn/".Length..] : url.Split(Resolve)[1].Split('/', 2)[1];
            body = _files[file];
            if (file == _damaged)
            {
                body = [(byte)'X', .. body[1..]];
            }
        }

        context.Response.OutputStream.Write(body);
    }

    private string Git(string file) => Convert.ToHexStringLower(
        CryptographicOperations.HashData(
            HashAlgorithmName.SHA1, [.. Encoding.ASCII.GetBytes($"blob {_files[file].Length}\0"), .. _files[file]]));
}
