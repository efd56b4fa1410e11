using System.Net;
using System.Net.Sockets;
using System.Text;

namespace InferenceServer.Tests.Hosting;

/// <summary>HTTP/1 and HTTP/2 without TLS on one port: the first bytes of a connection decide.</summary>
[Collection(SharedServer.Name)]
public sealed class PlainHttp2Tests(SegmentationServer server)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Request_InEitherVersion_IsAnsweredInIt(int version)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment?format=raw")
        {
            Version = version == 1 ? HttpVersion.Version11 : HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = Photo.Content(Photo.Png),
        };

        using HttpResponseMessage response = await server.Client.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, version), (response.StatusCode, response.Version.Major));
        Assert.Equal(Photo.Labels, await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("P", "OST /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405")]
    [InlineData("GET /health/live HTTP/1.1\r\nHo", "st: x\r\n\r\n", "HTTP/1.1 200")]
    [InlineData("PR", "OPFIND /health/live HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405")]
    public async Task Connection_ThatBeginsInPieces_IsReadFromItsFirstByte(string first, string rest, string expected)
    {
        using TcpClient client = new();
        await client.ConnectAsync("127.0.0.1", server.Client.BaseAddress!.Port);
        client.NoDelay = true;
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(first));
        await Task.Delay(50); // so that the pieces arrive apart
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(rest));

        string? status = await new StreamReader(client.GetStream()).ReadLineAsync();

        Assert.StartsWith(expected, status, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_WithoutAByte_DoesNotHoldUpTheStop()
    {
        SegmentationServer stopping = await SegmentationServer.StartAsync();
        using TcpClient silent = new();
        await silent.ConnectAsync("127.0.0.1", stopping.Client.BaseAddress!.Port);
        using HttpResponseMessage live = await stopping.Client.GetAsync("/health/live");

        await stopping.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(0, await silent.GetStream().ReadAsync(new byte[1]));
    }
}
