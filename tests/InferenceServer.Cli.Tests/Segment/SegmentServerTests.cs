using System.Net;
using System.Text;
using InferenceServer.Tests;

namespace InferenceServer.Cli.Tests.Segment;

/// <summary>The command with <c>--server</c>: its request and its output.</summary>
public sealed class SegmentServerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Segment_Server_IsAskedForWhatWasTyped()
    {
        string photo = _folder.WritePhoto("photos/a.png", 8, 8, 200, 20, 30);
        using HttpListener listener = Loopback.Listen(out Uri address);
        Task<(string Url, string? Authorization, int Bytes)> asked = AnswerAsync(listener, 200, [1, 2, 3]);

        (int exitCode, string output, string error) = await Cli.RunAsync(
            "segment", photo, "--server", address.ToString(), "--key", "secret\n", "--model", "some model", "--out",
            _folder["out"], "--format", "geojson", "--tolerance", "1.5",
            "--scales", "0.5,1", "--flip", "true", "--refine", "crf", "--crf-iterations", "3");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(_folder["out", "a.geojson"], output.Trim());
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(_folder["out", "a.geojson"]));
        (string url, string? authorization, int bytes) = await asked;
        // Nothing that was not typed.
        Assert.Equal("/v1/segment/some%20model?format=geojson&tolerance=1.5&scales=0.5%2C1&flip=true&refine=crf&crf.iterations=3", url);
        Assert.Equal(("Bearer secret", new FileInfo(photo).Length), (authorization, bytes));
    }

    [Fact]
    public async Task Segment_ServerRefuses_SaysWhy()
    {
        string photo = _folder.WritePhoto("photos/a.png", 8, 8, 200, 20, 30);
        using HttpListener listener = Loopback.Listen(out Uri address);
        Task asked = AnswerAsync(
            listener, 404,
            """{"type":"urn:inference-server:unknown-model","detail":"There is no model 'm'."}"""u8.ToArray());

        (int exitCode, _, string error) = await Cli.RunAsync(
            "segment", photo, "--server", address.ToString(), "--model", "m", "--out", _folder["out"]);

        await asked;
        Assert.Equal(1, exitCode);
        Assert.Contains("There is no model 'm'.", error, StringComparison.Ordinal);
    }

    // The server sends one response: another request would wait without end.
    [Theory]
    [InlineData(401, "unauthorized")]
    [InlineData(403, "forbidden")]
    [InlineData(404, "unknown-model")]
    [InlineData(429, "rate-limited")]
    public async Task Segment_RefusalThatConcernsAllImages_EndsTheCommand(int status, string type)
    {
        string[] photos = [.. ((string[])["a", "b", "c"]).Select(name => _folder.WritePhoto($"photos/{name}.png", 8, 8, 200, 20, 30))];
        using HttpListener listener = Loopback.Listen(out Uri address);
        Task asked = AnswerAsync(
            listener, status, Encoding.UTF8.GetBytes($$"""{"type":"urn:inference-server:{{type}}","detail":"No."}"""),
            ("Retry-After", "7200"));

        (int exitCode, string output, string error) = await Cli.RunAsync(
            ["segment", .. photos, "--server", address.ToString(), "--model", "m", "--out", _folder["out"]]);

        await asked;
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Equal($"{photos[0]}: No.\n3 of 3 images have no mask.\n", error);
    }

    [Fact]
    public async Task Segment_KeyThatNoHeaderCarries_SaysSo()
    {
        string photo = _folder.WritePhoto("photos/a.png", 8, 8, 200, 20, 30);

        (int exitCode, _, string error) = await Cli.RunAsync(
            "segment", photo, "--server", "http://localhost", "--key", "two\nlines", "--model", "m", "--out",
            _folder["out"]);

        Assert.Equal(2, exitCode);
        Assert.StartsWith("--key or INFERENCE_SERVER_KEY: expected", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_OptionOfAModelThatRunsHere_IsRefused()
    {
        (int exitCode, _, string error) = await Cli.RunAsync(
            "segment", "a.png", "--server", "http://localhost", "--model", "m", "--out", _folder["out"], "--threads",
            "2");

        Assert.Equal(2, exitCode);
        Assert.StartsWith(
            "--threads: expected no --server beside this option, which is for a model that runs here. Leave out one of " +
            "the two.",
            error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_FolderWhereTheMaskShouldBe_LeavesNoPartOfIt()
    {
        string photo = _folder.WritePhoto("photos/a.png", 8, 8, 200, 20, 30);
        Directory.CreateDirectory(_folder["out", "a.png"]);
        using HttpListener listener = Loopback.Listen(out Uri address);
        Task asked = AnswerAsync(listener, 200, [1, 2, 3]);

        (int exitCode, _, string error) = await Cli.RunAsync(
            "segment", photo, "--server", address.ToString(), "--model", "m", "--out", _folder["out"]);

        await asked;
        Assert.Equal(1, exitCode);
        Assert.Contains("1 of 1 images have no mask.", error, StringComparison.Ordinal);
        Assert.Equal(["a.png"], Directory.EnumerateFileSystemEntries(_folder["out"]).Select(Path.GetFileName));
    }

    private static async Task<(string Url, string? Authorization, int Bytes)> AnswerAsync(
        HttpListener listener, int status, byte[] body, params (string Name, string Value)[] headers)
    {
        HttpListenerContext http = await listener.GetContextAsync();
        using MemoryStream received = new();
        await http.Request.InputStream.CopyToAsync(received);
        http.Response.StatusCode = status;
        foreach ((string name, string value) in ((string, string)[])[
            ("X-Model-Version", "1"), ("X-Image-Width", "1"), ("X-Image-Height", "1"), ("X-Model", "1"), .. headers
        ])
        {
            http.Response.Headers[name] = value;
        }

        await http.Response.OutputStream.WriteAsync(body);
        http.Response.Close();
        return (http.Request.RawUrl!, http.Request.Headers["Authorization"], (int)received.Length);
    }
}
