using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using InferenceServer.OpenInference.Grpc;
using Microsoft.AspNetCore.Http;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>Calls with small messages use little memory and end soon, with and without a key.</summary>
public sealed class GrpcBoundsTests : IAsyncLifetime
{
    private const int DeadlineExceeded = 4, ResourceExhausted = 8, Unauthenticated = 16, Reset = -1;
    private const int Cancel = 8; // an error code of HTTP/2
    private const string Service = "inference.GRPCInferenceService/";
    private const string Stream = Service + "ModelStreamInfer";
    private const string Key = "a key with both scopes";
    private const string Watch = "grpc.health.v1.Health/Watch";
    private const string Reflection = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    private static readonly string[] Free =
        [Service + "ServerLive", Service + "ServerReady", Service + "ServerMetadata", "grpc.health.v1.Health/Check"];

    private static readonly string[] Scoped =
    [
        Service + "ModelReady", Service + "ModelMetadata", Service + "ModelConfig", Service + "ModelStatistics",
        Service + "RepositoryIndex", Service + "RepositoryModelLoad", Service + "RepositoryModelUnload", Service + "ModelInfer", Stream,
    ];

    private GrpcServer _server = null!;

    /// <summary>Each method, and the most bytes of its message.</summary>
    public static IEnumerable<object[]> Lengths =>
    [
        .. Free.Append(Watch).Append(Reflection).Concat(Scoped)
            .Select(method =>
                (object[])[
                    method,
                    method switch
                    {
                        Service + "RepositoryModelLoad" => 1 << 20, Service + "ModelInfer" or Stream => 64 << 20, _ => 4096,
                    }
                ]),
    ];

    public async Task InitializeAsync() => _server = await GrpcServer.StartAsync(
        ("Security:Keys:both:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)))),
        ("Security:Keys:both:Scopes", "infer, admin"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task Message_LongerThanItsMethodNeeds_IsExhaustedBeforeItComes(string method, int most)
    {
        (int status, string message, _) = await _server.SendAsync(method, new OpenBody(GrpcServer.Announce(most + 1)), ("x-api-key", Key));

        Assert.True(status == ResourceExhausted, $"{status} {message}");
    }

    [Fact]
    public async Task Message_WithoutAKey_IsRefusedBeforeItComes()
    {
        foreach (string method in Scoped)
        {
            Assert.Equal((method, Unauthenticated), (method, (await _server.SendAsync(method, new OpenBody([]))).Status));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("0000001000")] // 4 KiB, and nothing of it
    [InlineData("0000000002AA")]
    [InlineData("0000000000")] // all of it, but for the end
    public async Task Message_ThatDoesNotCome_IsGivenUpAndItsConnectionKept(string beginning)
    {
        long start = Stopwatch.GetTimestamp();

        // An empty message of ModelInfer is refused at once: it names no model. A stream may wait with its next message.
        IEnumerable<string> methods = Free.Concat(Scoped).Where(method => beginning switch
        {
            "" => method != Stream,
            "0000000000" => method != Stream && method != Service + "ModelInfer",
            _ => true,
        });
        (int Status, string, byte[])[] answers = await Task.WhenAll(
            methods.Select(method => _server.SendAsync(method, new OpenBody(Convert.FromHexString(beginning)), ("x-api-key", Key))));

        Assert.All(answers, answer => Assert.Equal(DeadlineExceeded, answer.Status));
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0000001000")]
    public async Task Watch_OfWhatIsNotSaid_IsGivenUpAndItsConnectionKept(string beginning)
    {
        HttpRequestException e = await Assert.ThrowsAsync<HttpRequestException>(
            () => _server.SendAsync(Watch, new OpenBody(Convert.FromHexString(beginning))).WaitAsync(TimeSpan.FromSeconds(30)));

        Assert.Equal(Cancel, Assert.IsType<HttpProtocolException>(e.InnerException).ErrorCode); // of the stream, not of its connection
    }

    [Fact]
    public async Task Deadline_OfTheCaller_IsKeptWhereItIsShorter()
    {
        long start = Stopwatch.GetTimestamp();

        foreach (string method in (string[])[.. Free, .. Scoped, Reflection])
        {
            (int status, _, _) = await _server.SendAsync(method, new OpenBody([]), ("x-api-key", Key), ("grpc-timeout", "30m"));
            Assert.Equal((method, DeadlineExceeded), (method, status));
        }

        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(30)); // not four seconds each
    }

    [Theory]
    [InlineData(null, "4000m")]
    [InlineData("1S", "1000m")]
    [InlineData("5S", "4000m")]
    [InlineData("99999999H", "4000m")]
    [InlineData("1500u", "2m")]
    [InlineData("0S", "1m")] // the framework would take none of these three for a deadline
    [InlineData("1n", "1m")]
    [InlineData("soon", "4000m")]
    public void Shorten_EachDeadline_IsOneThatTheFrameworkKeeps(string? own, string expected)
    {
        DefaultHttpContext http = new();
        http.Request.Headers["grpc-timeout"] = own;

        GrpcTimeout.Shorten(http.Request, TimeSpan.FromSeconds(4));

        Assert.Equal(expected, http.Request.Headers["grpc-timeout"]);
    }

    [Theory]
    [InlineData("Content-Length: 4097\r\n\r\n", "413")]
    [InlineData("Content-Length: 4096\r\n\r\n{", "504")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "504")]
    public async Task Index_OverHttp_IsReadNeitherLongNorLate(string request, string status)
    {
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, _server.Http.BaseAddress!.Port);
        string head = $"POST /v2/repository/index HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {Key}\r\n";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + request));

        using StreamReader answer = new(client.GetStream());

        Assert.StartsWith("HTTP/1.1 " + status, await answer.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
    }

    // Each of these calls once held its megabyte: 2.65 GB, and at 4 GiB the end of the process.
    [Fact]
    public async Task Memory_OfThousandsOfOpenCalls_IsSmall()
    {
        const int Connections = 25, Streams = 100;
        string address = $"http://127.0.0.1:{GrpcServer.FreePort()}";
        await using ServerProcess server = await ServerProcess.StartAsync(
            ("OpenInference:GrpcUrl", address), ("Security:Keys:both:Hash", "sha256:" + new string('0', 64)));
        long before = server.Memory, most = 0;
        foreach ((int announced, int sent) in ((int, int)[])[(4096, 4000), (1 << 20, 64 << 10)])
        {
            HttpClient[] clients = [.. Enumerable.Range(0, Connections).Select(_ => new HttpClient { BaseAddress = new Uri(address) })];
            byte[] beginning = [.. GrpcServer.Announce(announced), .. new byte[sent]];
            Task<int[]> all = Task.WhenAll(clients.SelectMany(client =>
                Enumerable.Range(0, Streams).Select(stream => EndAsync(client, Free[stream % Free.Length], beginning))));
            while (!all.IsCompleted)
            {
                most = Math.Max(most, server.Memory);
                await Task.WhenAny(all, Task.Delay(50));
            }

            // A message that is too long may run out of time before: while many are awaited, each has little.
            Assert.All(await all, status => Assert.Contains(status, (int[])[ResourceExhausted, DeadlineExceeded, Reset]));
            Array.ForEach(clients, client => client.Dispose());
        }

        Assert.InRange((most - before) >> 20, 0, 300); // megabytes
        Assert.True(!server.HasExited, server.Log);
    }

    // The server resets the stream of a call that watches, and the connection of a client with too much that is unread.
    private static async Task<int> EndAsync(HttpClient client, string method, byte[] beginning)
    {
        try
        {
            (int status, _, _) = await GrpcServer.SendAsync(client, method, new OpenBody(beginning));
            return status;
        }
        catch (HttpRequestException)
        {
            return Reset;
        }
    }
}
