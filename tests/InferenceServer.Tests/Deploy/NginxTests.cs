using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Tests.OpenInference.Grpc;

namespace InferenceServer.Tests.Deploy;

/// <summary>Replicas behind nginx, with the configuration that deploy/ offers.</summary>
public sealed class NginxTests
{
    private const int Clients = 6;
    private const string ByProxy = "The proxy "; // so begins a detail of nginx's own
    private const int Unimplemented = 12, Unavailable = 14; // of gRPC
    private const string Boundary = "multipart/form-data; boundary=b";
    private const string Json = "application/json";
    private static readonly string InJson = Convert.ToBase64String(Photo.Png);

    // A ModelInferRequest for tiny.image: name, input, and the image behind its length.
    private static readonly byte[] Call = GrpcServer.Frame(new ModelInferRequest
    {
        ModelName = "tiny.image",
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = "BYTES", Shape = { 1 } } },
        RawInputContents = { ByteString.CopyFrom([.. BitConverter.GetBytes(Photo.Png.Length), .. Photo.Png]) },
    }.ToByteArray());

    /// <summary>Each route that computes, in an unusual spelling where there is one, with a body.</summary>
    private static IEnumerable<(string Path, string Type, byte[] Body)> Routes =>
    [
        ("/v1/segment/tiny", "image/png", Photo.Png), ("/V1/Segment/", "image/png", Photo.Png),
        ("/v1/segment:batch/", Boundary, Form("a")),
        ("/huggingface/tiny", "image/png", Photo.Png), ("/HuggingFace", Json, Text($$"""{"inputs": "{{InJson}}"}""")),
        ("/label-studio/setup", Json, Text("{}")), ("/label-studio/models/tiny/setup/", Json, Text("{}")),
        ("/api/function_invocations", Json, Text($$"""{"image": "{{InJson}}"}""")),
        ("/api/remove?model=tiny-binary", Boundary, Form("file")),
        ("/x-anylabeling/v1/predict", Json, Text($$"""{"model": "tiny", "image": "{{InJson}}"}""")),
        ("/v2/models/tiny.image/infer", "application/octet-stream", Photo.Png), ("/v1/jobs", Boundary, Form("a")),
    ];

    [NginxFact]
    public async Task Restart_OneReplicaAfterTheOtherUnderLoad_FailsNoRequest()
    {
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync();
        (ConcurrentDictionary<string, int> answers, Func<Task> stop) = Load(pair);

        await pair.RestartAsync(0);
        await pair.RestartAsync(1);

        await stop();
        Assert.True(answers.Keys.SequenceEqual(["OK"]), string.Join("; ", answers) + Environment.NewLine + pair.Errors);
    }

    [NginxFact]
    public async Task Kill_OneReplicaUnderLoad_LosesAtMostWhatItWorkedOn()
    {
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync();
        (ConcurrentDictionary<string, int> answers, Func<Task> stop) = Load(pair);
        await ServedAsync(answers, 50);

        pair.Replicas[0].Signal(ServerProcess.KillNow);
        _ = await pair.Replicas[0].ExitAsync();

        await ServedAsync(answers, answers["OK"] + 200); // the other one carries on
        await stop();
        int lost = answers.Where(a => a.Key != "OK").Sum(a => a.Value);
        // No client has more than one under way.
        Assert.True(lost <= Clients, string.Join("; ", answers) + Environment.NewLine + pair.Errors);
    }

    [NginxFact]
    public async Task Balance_OfEqualRequests_IsWithinATenth()
    {
        const int Waves = 30;
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync();
        ConcurrentDictionary<string, int> answers = new();

        // Waves, not a stream: in a stream, the replica that the system happens to run less is given less, and rightly so.
        for (int wave = 0; wave < Waves; wave++)
        {
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(i => Once(i)));
        }

        double[] served = await Task.WhenAll(pair.Replicas.Select(ServedByAsync));
        Assert.True(answers.Keys.SequenceEqual(["OK"]), string.Join("; ", answers));
        Assert.Equal(Waves * Clients, served.Sum());
        Assert.All(served, s => Assert.InRange(s / (Waves * Clients / 2.0), 0.9, 1.1));

        Task Once(int client)
        {
            int left = 1;
            return pair.AskAsync(answers, keepAlive: client % 2 == 0, () => left-- > 0);
        }
    }

    [NginxFact]
    public async Task Overload_OfBothReplicas_ReachesTheClientUnchanged()
    {
        const int Readers = 4; // for each of MaxRequests
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync(
            ("Scheduling:MaxRequests", "1"), ("Scheduling:ClientShare", "1"));
        using DisposableList<Socket> begun = [];
        foreach (ServerProcess replica in pair.Replicas.SelectMany(replica => Enumerable.Repeat(replica, Readers)))
        {
            begun.Add(await BeginAsync(replica.Address));
        }

        pair.Client.DefaultRequestHeaders.Add("X-Request-Id", "photo-17");
        using HttpClient direct = new() { BaseAddress = pair.Replicas[0].Address };

        using HttpResponseMessage expected = await direct.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        using HttpResponseMessage answer = await pair.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal("photo-17", Assert.Single(answer.Headers.GetValues("X-Request-Id")));
        Assert.Equal(expected.Headers.RetryAfter, answer.Headers.RetryAfter);
        Assert.Equal(expected.Content.Headers.ContentType, answer.Content.Headers.ContentType);
        Assert.Equal(await ProblemAsync(expected), await ProblemAsync(answer));
    }

    // The server heeds neither case nor a slash at the end; what is kept from the outside is kept in each spelling.
    [NginxFact]
    public async Task Request_ForOneReplicaAlone_IsNotPassedOnHoweverItIsSpelt()
    {
        string[] kept =
        [
            "/metrics", "/Metrics", "/metrics/", "//metrics", "/METRICS//", "/%6Detrics", "/metrics?x=1", "/v1/../metrics",
            "/v1/models/tiny/load", "/v1/models/tiny/unload/", "/V1/Models/tiny/Unload", "/v1//models/tiny/load", "/v1/models/tiny/%6Coad",
            "/v2/repository/models/tiny/load", "/v2/repository/models/tiny/UNLOAD/", "/V2/repository/any/models/tiny/load",
        ];
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync();

        foreach (string path in kept)
        {
            Uri asWritten = new(
                pair.Client.BaseAddress!.GetLeftPart(UriPartial.Authority) + path,
                new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
            foreach (HttpMethod method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Post])
            {
                using HttpRequestMessage request = new(method, asWritten);
                using HttpResponseMessage answer = await pair.Client.SendAsync(request);

                string body = await answer.Content.ReadAsStringAsync();
                Assert.True(
                    answer.StatusCode == HttpStatusCode.NotFound && body.Contains(ByProxy, StringComparison.Ordinal),
                    $"{method} {path} was passed on: {answer.StatusCode} {body}");
            }
        }
    }

    [NginxFact]
    public async Task Route_WhoseModelOneReplicaDoesNotServe_IsAnsweredByTheOther()
    {
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync(
            [("Jobs:Path", ReplicasBehindNginx.Folder), .. ReplicasBehindNginx.Operator]);
        await pair.UnloadAsync(0, "tiny");
        await pair.UnloadAsync(0, "tiny-binary");

        foreach ((string path, string type, byte[] body) in Routes)
        {
            for (int i = 0; i < Clients; i++) // of which nginx would give half to each
            {
                using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = Photo.Content(body, type) };
                request.Headers.Add("x-nuclio-function-name", "tiny");
                request.Content.Headers.Add("Inference-Header-Content-Length", "0");
                using HttpResponseMessage answer = await pair.Client.SendAsync(request);
                string got = await answer.Content.ReadAsStringAsync();
                Assert.True(answer.IsSuccessStatusCode && !got.Contains("not-ready", StringComparison.Ordinal), $"{path}: {got}");
            }
        }

        using HttpResponseMessage job = await pair.Client.GetAsync("/v1/jobs/none");
        Assert.StartsWith("There is no job 'none'", await ProblemAssert.IsAsync(HttpStatusCode.NotFound, job), StringComparison.Ordinal);
        for (int i = 0; i < Clients; i++)
        {
            (int status, string message, _) = await GrpcServer.SendAsync(
                pair.Grpc, "inference.GRPCInferenceService/ModelInfer", new ByteArrayContent(Call));
            Assert.True(status == 0, $"ModelInfer: {status} {message}");
        }

        using StreamCall stream = new(pair.Grpc);
        for (int i = 0; i < Clients; i++)
        {
            stream.SendBytes(Call);
            Assert.Equal("", (await stream.NextAsync())!.ErrorMessage);
        }

        stream.End();
        Assert.Equal(0, (await stream.StatusAsync()).Status);
    }

    // One client that asks in vain may not take the replicas from the others.
    [NginxFact]
    public async Task Model_ThatNoReplicaServes_LeavesTheOthersServed()
    {
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync();

        for (int i = 0; i < Clients; i++)
        {
            using HttpResponseMessage refused = await pair.Client.PostAsync("/v1/segment/tiny-nan", Photo.Content(Photo.Png));
            using HttpResponseMessage served = await pair.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));

            Assert.Contains("NaN", await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, refused), StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        }
    }

    [NginxFact]
    public async Task Error_OfNginxItself_IsAProblem()
    {
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync(mostConnections: 1);

        using HttpResponseMessage metrics = await pair.Client.GetAsync("/metrics");
        await ProblemAssert.IsAsync(HttpStatusCode.NotFound, metrics);
        using HttpResponseMessage longer = await pair.Client.PostAsync("/v1/segment", Photo.Content(new byte[66 << 20]));
        Assert.Contains("65 MB", await ProblemAssert.IsAsync(HttpStatusCode.RequestEntityTooLarge, longer), StringComparison.Ordinal);
        Assert.Contains(" 400 ", await RawAsync(pair, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), StringComparison.Ordinal);
        using (Socket first = await BeginAsync(pair.Client.BaseAddress!))
        {
            using HttpResponseMessage second = await pair.Client.GetAsync("/health/live");
            await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, second);
            Assert.NotNull(second.Headers.RetryAfter);
        }

        (int status, string message, _) = await GrpcServer.SendAsync(
            pair.Grpc, "inference.GRPCInferenceService/RepositoryModelUnload", new ByteArrayContent(Call));
        Assert.Equal((Unimplemented, true), (status, message.StartsWith(ByProxy, StringComparison.Ordinal)));
        foreach (ServerProcess replica in pair.Replicas)
        {
            replica.Signal(ServerProcess.KillNow);
            await replica.ExitAsync();
        }

        using HttpResponseMessage nobody = await pair.Client.PostAsync("/huggingface", Photo.Content(Photo.Png));
        await ProblemAssert.IsAsync(HttpStatusCode.BadGateway, nobody);
        Assert.NotNull(nobody.Headers.RetryAfter);
        (status, _, _) = await GrpcServer.SendAsync(
            pair.Grpc, "inference.GRPCInferenceService/ModelInfer", new ByteArrayContent(Call));
        Assert.Equal(Unavailable, status);
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Form(string name) =>
    [
        .. Text($"--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\r\n"), .. Photo.Png,
        .. Text("\r\n--b--\r\n"),
    ];

    private static async Task<string> RawAsync(ReplicasBehindNginx pair, string request)
    {
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, pair.Client.BaseAddress!.Port);
        await client.GetStream().WriteAsync(Text(request));
        using StreamReader reader = new(client.GetStream());
        string answer = await reader.ReadToEndAsync();
        Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
        return answer;
    }

    private static (ConcurrentDictionary<string, int> Answers, Func<Task> Stop) Load(ReplicasBehindNginx pair)
    {
        CancellationTokenSource done = new();
        ConcurrentDictionary<string, int> answers = new();
        // Some clients keep their connection to nginx, some come anew each time.
        Task[] clients =
        [
            .. Enumerable.Range(0, Clients)
                .Select(i =>
                    Task.Run(() =>
                        pair.AskAsync(answers, keepAlive: i % 2 != 0, () => !done.IsCancellationRequested)))
        ];
        return (answers, async () =>
        {
            using (done)
            {
                await done.CancelAsync();
                await Task.WhenAll(clients);
            }
        });
    }

    private static Task ServedAsync(ConcurrentDictionary<string, int> answers, int count) =>
        ServerProcess.UntilAsync(() => Task.FromResult(answers.GetValueOrDefault("OK") >= count));

    private static async Task<double> ServedByAsync(ServerProcess replica)
    {
        using HttpClient client = new() { BaseAddress = replica.Address };
        string metrics = await client.GetStringAsync("/metrics");
        return metrics.Split('\n')
            .Where(l => l.StartsWith("seg_requests_total{", StringComparison.Ordinal))
            .Sum(l => double.Parse(l[l.LastIndexOf(' ')..], CultureInfo.InvariantCulture));
    }

    // Takes a permit: the server reads the body after the request was admitted.
    private static async Task<Socket> BeginAsync(Uri replica)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(replica.Host, replica.Port);
        await socket.SendAsync(
            Encoding.ASCII.GetBytes(
                "POST /v1/segment/tiny HTTP/1.1\r\nHost: replica\r\nContent-Type: image/png\r\nContent-Length: " +
                "1000\r\nExpect: 100-continue\r\n\r\n"));
        byte[] answer = new byte[64];
        int length = await socket.ReceiveAsync(answer);
        Assert.StartsWith("HTTP/1.1 100", Encoding.ASCII.GetString(answer, 0, length), StringComparison.Ordinal);
        return socket;
    }

    // What differs from one answer to the next: the trace and the request.
    private static async Task<string> ProblemAsync(HttpResponseMessage answer)
    {
        using JsonDocument problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return string.Join(", ", problem.RootElement.EnumerateObject().Where(m => m.Name is not ("trace_id" or "request_id")));
    }
}
