using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using InferenceServer.Bulk;
using InferenceServer.Tests.OpenInference.Grpc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Segment;

/// <summary>Clients that send or read slowly: what they hold meanwhile, and when they have had their time. The clock is
/// moved by hand.</summary>
public sealed class SlowClientTests : IAsyncLifetime
{
    private const int Announced = 1 << 20;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private readonly FakeTimeProvider _clock = new();
    private readonly string _jobs = Directory.CreateTempSubdirectory().FullName;
    private SegmentationServer _server = null!;

    public async Task InitializeAsync() => _server = await StartAsync();

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_jobs, recursive: true);
    }

    [Theory]
    [InlineData("/v1/segment/tiny", "image/png")]
    [InlineData("/v1/segment/tiny", "application/json")]
    [InlineData("/v1/segment/tiny", "multipart/form-data; boundary=x")]
    [InlineData("/v1/segment:batch", "application/zip")]
    [InlineData("/v1/refine", "multipart/form-data; boundary=x")]
    [InlineData("/v1/jobs", "application/zip")]
    [InlineData("/v1/jobs", "application/json")]
    [InlineData("/v2/models/tiny/infer", "application/json")]
    [InlineData("/huggingface/tiny", "image/png")]
    [InlineData("/label-studio/predict", "application/json")]
    [InlineData("/api/remove", "multipart/form-data; boundary=x")]
    public async Task Body_NotOnCourse_Answers408AndEndsTheConnection(string path, string type)
    {
        using TcpClient client = await ConnectAsync(_server);
        await SendAsync(client, Head(path, type, $"Content-Length: {Announced}"), "--x\r\n");
        StreamReader answer = new(client.GetStream(), Encoding.Latin1);

        string text = await UntilAsync(answer.ReadToEndAsync(), Grace);

        Assert.StartsWith("HTTP/1.1 408", text, StringComparison.Ordinal);
        Assert.Contains("urn:inference-server:slow-body", text, StringComparison.Ordinal);
        Assert.Contains("5 of 1,048,576 bytes", text, StringComparison.Ordinal);
        await IdleAsync(_server);
    }

    [Theory]
    [InlineData("Content-Length: 2400", 5 + 25, true)] // on course to be complete in 30 s
    [InlineData("Content-Length: 2400", 5 + 11, false)] // Kestrel's own rate, which a short body must keep, too
    [InlineData("Transfer-Encoding: chunked", 5 + 11, false)]
    public async Task Body_AtTheLeastRate_IsReadUntilItFallsBehind(string length, int seconds, bool isIn)
    {
        using TcpClient client = await ConnectAsync(_server);
        string chunk = length.StartsWith('T') ? $"960\r\n{new string('x', 2400)}\r\n" : new string('x', isIn ? 2400 : 2399);
        await SendAsync(client, Head("/v1/segment/tiny?timeout=120000", "image/png", length), chunk);
        StreamReader answer = new(client.GetStream(), Encoding.Latin1);

        if (!isIn)
        {
            await Eventually.TrueAsync(() => _server.InFlight is { Readers: 1, Bytes: > 0 });
        }

        string? status = await UntilAsync(answer.ReadLineAsync(), TimeSpan.FromSeconds(seconds));

        Assert.StartsWith(isIn ? "HTTP/1.1 415" : "HTTP/1.1 408", status, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Grpc_MessageNotOnCourse_EndsTheCallAndNoOtherOfTheConnection()
    {
        await using GrpcServer grpc = await GrpcServer.StartAsync([], Fake);
        byte[] beginning = [0, 0, 0x10, 0, 0, 0x0A, 4, .. "tiny"u8, .. new byte[4096]];
        Task<(int Status, string Message, byte[] Body)> call = grpc.SendAsync(
            "inference.GRPCInferenceService/ModelInfer", new OpenBody(beginning));
        await Eventually.TrueAsync(() => grpc.Server.InFlight.Readers == 1);

        (int status, string message, _) = await UntilAsync(call, Grace);

        Assert.Equal(4, status); // deadline exceeded
        Assert.Contains("of 1,048,576 bytes", message, StringComparison.Ordinal);
        Assert.Equal(0, (await grpc.SendAsync("inference.GRPCInferenceService/ServerLive", GrpcServer.Frame([]))).Status);
        await IdleAsync(grpc.Server);
    }

    [Fact]
    public async Task Bodies_ThatArrive_HoldNoPlaceAndOnlyWhatHasCome()
    {
        await using SegmentationServer small = await StartAsync(
            ("Scheduling:MaxRequests", "2"), ("Scheduling:MaxBytesInFlight", "1000000"));
        List<TcpClient> slow = [];
        for (int i = 0; i < 6; i++)
        {
            slow.Add(await ConnectAsync(small));
            await SendAsync(slow[^1], Head("/v1/segment/tiny", "image/png", $"Content-Length: {Announced}"), "PNG");
        }

        await Eventually.TrueAsync(() => small.InFlight.Readers == 6);
        using HttpResponseMessage served = await small.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));

        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        slow.ForEach(client => client.Dispose());
        await IdleAsync(small);
    }

    [Fact]
    public async Task Bodies_OfOneClient_LeaveReadersToOthers()
    {
        await using SegmentationServer small = await StartAsync(("Scheduling:MaxRequests", "1"), ("Scheduling:ClientShare", "0.5"));
        List<TcpClient> slow = [];
        for (int i = 0; i < 2; i++)
        {
            slow.Add(await ConnectAsync(small));
            await SendAsync(slow[^1], Head("/v1/segment/tiny", "image/png", $"Content-Length: {Announced}"), "PNG");
        }

        await Eventually.TrueAsync(() => small.InFlight.Readers == 2);
        using HttpResponseMessage refused = await small.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        using HttpClient other = From("127.0.0.2", small);
        using HttpResponseMessage served = await other.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));

        Assert.Contains(
            "one client is reached (Scheduling:ClientShare)", await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused),
            StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        slow.ForEach(client => client.Dispose());
        await IdleAsync(small);
        Assert.Equal(0, small.InFlight.Clients);
    }

    [Theory]
    [InlineData("/v1/segment:batch", "requests with many images")]
    [InlineData("/v1/jobs", "jobs of one client")]
    public async Task Uploads_OfOneClient_LeaveRoomToOthers(string path, string limit)
    {
        await using SegmentationServer small = await StartAsync(
            ("Bulk:MaxRequests", "2"), ("Jobs:MaxJobs", "2"), ("Scheduling:ClientShare", "0.5"));
        using TcpClient slow = await ConnectAsync(small);
        await SendAsync(slow, Head(path, "application/zip", $"Content-Length: {Announced}"), "PK");
        await Eventually.TrueAsync(() => small.Services.GetRequiredService<BulkLimits>().Bytes.Used == 2);
        using HttpResponseMessage refused = await small.Client.PostAsync(path, ZipFile.Of(("a.png", Photo.Png)));
        using HttpClient other = From("127.0.0.2", small);
        using HttpResponseMessage served = await other.PostAsync(path, ZipFile.Of(("a.png", Photo.Png)));

        Assert.Contains(limit, await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused), StringComparison.Ordinal);
        Assert.True(served.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Uploads_OfAllClients_HoldTheBytesThatHaveCome()
    {
        await using SegmentationServer small = await StartAsync(("Bulk:MaxUploadBytes", "100000"), ("Bulk:MaxBytes", "200000"));
        using TcpClient slow = await ConnectAsync(small);
        await SendAsync(slow, Head("/v1/segment:batch", "application/zip", "Content-Length: 200000"), new string('x', 90_000));
        byte[] zip = await ZipFile.Of(("a.bin", RandomBytes(20_000))).ReadAsByteArrayAsync();
        await Eventually.TrueAsync(() => small.Services.GetRequiredService<BulkLimits>().Bytes.Used == 90_000);

        using HttpResponseMessage refused = await small.Client.PostAsync("/v1/segment:batch", Photo.Content(zip, "application/zip"));

        Assert.Contains(
            "Bulk:MaxUploadBytes", await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/segment/tiny?format=raw")]
    [InlineData("/v2/models/tiny.image/infer")]
    [InlineData("/v1/segment:batch?format=raw")]
    public async Task Answer_NobodyReads_GivesItsPlaceBackAtOnceAndItsBytesInTime(string path)
    {
        using TcpClient client = await AskAsync(_server, path);
        await Eventually.TrueAsync(() => _server.InFlight is { Requests: 0, Pixels: 0, Bytes: 0, AnswerBytes: >= 16_000_000 });

        await UntilAsync(IdleAsync(_server), TimeSpan.FromSeconds(5));

        Assert.True(await BrokenAsync(client));
    }

    [Fact]
    public async Task Answer_BeyondTheBudget_KeepsItsPlaceForAShortTime()
    {
        await using SegmentationServer small = await StartAsync(("Scheduling:MaxAnswerBytes", "1000000"));
        using TcpClient client = await AskAsync(small, "/v1/segment/tiny?format=raw");
        await Eventually.TrueAsync(() => small.InFlight is { Requests: 1, AnswerBytes: 0, Pixels: 16_000_000 });

        await UntilAsync(IdleAsync(small), TimeSpan.FromSeconds(2));

        Assert.True(await BrokenAsync(client));
    }

    [Fact]
    public async Task Answers_ThatOneClientDoesNotRead_RefuseItsNextRequestAndNoOthers()
    {
        await using SegmentationServer small = await StartAsync(
            ("Scheduling:MaxAnswerBytes", "32000000"), ("Scheduling:ClientShare", "0.5"));
        using TcpClient client = await AskAsync(small, "/v1/segment/tiny?format=raw");
        await Eventually.TrueAsync(() => small.InFlight is { Requests: 0, AnswerBytes: 16_000_000 });

        using HttpResponseMessage refused = await small.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        using HttpClient other = From("127.0.0.2", small);
        using HttpResponseMessage served = await other.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));

        Assert.Contains(
            "bytes of answers that wait to be read of one client",
            await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Fact]
    public async Task Answer_ReadSlowlyButOnCourse_ComesWhole()
    {
        using TcpClient client = await AskAsync(_server, "/v1/segment/tiny?format=raw");
        await Eventually.TrueAsync(() => _server.InFlight.AnswerBytes > 0);
        byte[] buffer = new byte[1 << 20];
        long read = 0;
        while (read < 16_000_000)
        {
            _clock.Advance(TimeSpan.FromSeconds(2)); // half a megabyte a second; 139 kB would do
            read += await client.GetStream().ReadAtLeastAsync(buffer, (int)Math.Min(buffer.Length, 16_000_000 - read));
        }

        await IdleAsync(_server);
    }

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private static string Head(string path, string type, string length) =>
        $"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {type}\r\n{length}\r\n\r\n";

    private static async Task<TcpClient> ConnectAsync(SegmentationServer server)
    {
        TcpClient client = new() { ReceiveBufferSize = 4096 };
        await client.ConnectAsync("127.0.0.1", server.Client.BaseAddress!.Port);
        return client;
    }

    private static async Task SendAsync(TcpClient client, string head, string body) =>
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(head + body));

    // Asks for a mask of 16 MB, which no socket's buffer holds.
    private static async Task<TcpClient> AskAsync(SegmentationServer server, string path)
    {
        byte[] image = Photo.Plain(4000, 4000);
        string type = "image/png", header = "Inference-Header-Content-Length: 0\r\n";
        if (path.Contains(":batch", StringComparison.Ordinal))
        {
            (image, type) = (await ZipFile.Of(("a.png", image)).ReadAsByteArrayAsync(), "application/zip");
        }

        TcpClient client = await ConnectAsync(server);
        string length = image.Length.ToString(CultureInfo.InvariantCulture);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(Head(path, type, header + "Content-Length: " + length)));
        await client.GetStream().WriteAsync(image);
        return client;
    }

    private static HttpClient From(string address, SegmentationServer server) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, stop) =>
        {
            Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
            await socket.ConnectAsync(context.DnsEndPoint, stop);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = server.Client.BaseAddress,
    };

    private static Task IdleAsync(SegmentationServer server) => Eventually.TrueAsync(
        () => server.InFlight is { Requests: 0, Readers: 0, Bytes: 0, Pixels: 0, AnswerBytes: 0 });

    // What was on its way still comes, but not the whole answer.
    private static async Task<bool> BrokenAsync(TcpClient client)
    {
        try
        {
            using MemoryStream rest = new();
            await client.GetStream().CopyToAsync(rest);
            return rest.Length < 16_000_000;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private void Fake(IServiceCollection services) => services.AddSingleton<TimeProvider>(_clock);

    private async Task<SegmentationServer> StartAsync(params (string Key, string Value)[] settings)
    {
        SegmentationServer server = new([("Jobs:Path", Path.Combine(_jobs, Guid.NewGuid().ToString("N"))), .. settings], Fake);
        await server.InitializeAsync();
        return server;
    }

    // Moves the clock in steps, since nobody knows when the server begins to wait.
    private async Task<T> UntilAsync<T>(Task<T> task, TimeSpan step)
    {
        await UntilAsync((Task)task, step);
        return await task;
    }

    private Task UntilAsync(Task task, TimeSpan step) => Eventually.TrueAsync(async () =>
    {
        _clock.Advance(step);
        await Task.Delay(10);
        return task.IsCompleted;
    });
}
