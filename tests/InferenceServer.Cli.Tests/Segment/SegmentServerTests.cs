using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Cli.Tests.Segment;

/// <summary>The command with <c>--server</c>: what it asks for, and what it writes.</summary>
public sealed class SegmentServerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Segment_Server_IsAskedForWhatWasTyped()
    {
        string photo = _folder.WritePhoto("photos/a.png", 8, 8, 200, 20, 30);
        using HttpListener listener = Listen(out string address);
        Task<(string Url, string? Authorization, int Bytes)> asked = AnswerAsync(listener, 200, [1, 2, 3]);

        (int exitCode, string output, string error) = await Cli.RunAsync(
            "segment", photo, "--server", address, "--key", "secret", "--model", "some model", "--out", _folder["out"], "--format", "geojson", "--tolerance", "1.5",
            "--scales", "0.5,1", "--flip", "true", "--refine", "crf", "--crf-iterations", "3");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(_folder["out", "a.geojson"], output.Trim());
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(_folder["out", "a.geojson"]));
        (string url, string? authorization, int bytes) = await asked;
        Assert.Equal("/v1/segment/some%20model?format=geojson&alpha=0.5&tolerance=1.5&resize=model&scales=0.5%2C1&flip=true&refine=crf&crf.iterations=3&crf.quality=exact", url);
        Assert.Equal(("Bearer secret", new FileInfo(photo).Length), (authorization, bytes));
    }

    [Fact]
    public async Task Segment_ServerRefuses_SaysWhy()
    {
        string photo = _folder.WritePhoto("photos/a.png", 8, 8, 200, 20, 30);
        using HttpListener listener = Listen(out string address);
        Task asked = AnswerAsync(listener, 404, """{"type":"urn:inference-server:unknown-model","detail":"There is no model 'm'."}"""u8.ToArray());

        (int exitCode, _, string error) = await Cli.RunAsync("segment", photo, "--server", address, "--model", "m", "--out", _folder["out"]);

        await asked;
        Assert.Equal(1, exitCode);
        Assert.Contains("There is no model 'm'.", error, StringComparison.Ordinal);
    }

    private static async Task<(string Url, string? Authorization, int Bytes)> AnswerAsync(HttpListener listener, int status, byte[] body)
    {
        HttpListenerContext http = await listener.GetContextAsync();
        using MemoryStream received = new();
        await http.Request.InputStream.CopyToAsync(received);
        http.Response.StatusCode = status;
        foreach (string header in (string[])["X-Model-Version", "X-Image-Width", "X-Image-Height", "X-Model"])
        {
            http.Response.Headers[header] = "1";
        }

        await http.Response.OutputStream.WriteAsync(body);
        http.Response.Close();
        return (http.Request.RawUrl!, http.Request.Headers["Authorization"], (int)received.Length);
    }

    private static HttpListener Listen(out string address)
    {
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/";
        }

        HttpListener listener = new() { Prefixes = { address } };
        listener.Start();
        return listener;
    }
}
