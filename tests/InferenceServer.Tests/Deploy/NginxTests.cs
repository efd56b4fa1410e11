using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace InferenceServer.Tests.Deploy;

/// <summary>Replicas behind nginx, with the configuration that deploy/ offers.</summary>
public sealed class NginxTests
{
    private const int Clients = 6;

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
        await using ReplicasBehindNginx pair = await ReplicasBehindNginx.StartAsync(("Scheduling:MaxRequests", "1"));
        using Socket first = await BeginAsync(pair.Replicas[0].Address), second = await BeginAsync(pair.Replicas[1].Address);
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
            "/v1/jobs", "/V1/Jobs", "/v1/jobs/", "/v1/JOBS/0123/result", "/v1//jobs", "/v1/job%73",
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

                // A replica's own 404 is a problem in JSON.
                Assert.True(
                    (
                        answer.StatusCode,
                        answer.Content.Headers.ContentType?.MediaType) == (HttpStatusCode.NotFound, "text/html"),
                    $"{method} {path} was passed on: {answer.StatusCode}");
            }
        }
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
