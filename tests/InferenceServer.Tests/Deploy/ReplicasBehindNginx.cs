using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace InferenceServer.Tests.Deploy;

/// <summary>Two replicas, nginx before them, and clients.</summary>
internal sealed class ReplicasBehindNginx : IAsyncDisposable
{
    /// <summary>In the value of a setting: a folder of the replica's own.</summary>
    public const string Folder = "{folder}";

    private const string Key = "the operator's key";

    /// <summary>Settings for <see cref="UnloadAsync"/>.</summary>
    public static readonly (string Key, string Value)[] Operator =
    [
        ("Security:Keys:operator:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)))),
        ("Security:Keys:operator:Scopes", "admin"), ("Security:Anonymous", "infer"),
    ];

    private readonly (string Key, string Value)[] _settings;
    private readonly NginxPorts _ports;
    private readonly string _folder;
    private readonly NginxProcess _nginx;

    private ReplicasBehindNginx(
        NginxPorts ports, ServerProcess[] replicas, (string Key, string Value)[] settings, string folder, int mostConnections)
    {
        (_ports, Replicas, _settings, _folder) = (ports, replicas, settings, folder);
        _nginx = new NginxProcess(ports, mostConnections);
        Client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports.Http}") };
        Grpc = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports.Grpc}") };
    }

    /// <summary>Asks nginx.</summary>
    public HttpClient Client { get; }

    /// <summary>Asks nginx by gRPC.</summary>
    public HttpClient Grpc { get; }

    public ServerProcess[] Replicas { get; }

    /// <summary>What nginx complained about.</summary>
    public string Errors => _nginx.Errors;

    public static Task<ReplicasBehindNginx> StartAsync(params (string Key, string Value)[] settings) => StartAsync(256, settings);

    /// <summary>Starts two replicas and nginx.</summary>
    /// <param name="mostConnections">Requests that one address may have under way.</param>
    /// <param name="settings">The replicas' options.</param>
    public static async Task<ReplicasBehindNginx> StartAsync(int mostConnections, params (string Key, string Value)[] settings)
    {
        int[] free = FreePorts(6);
        NginxPorts ports = new(free[0], free[1], free[2], free[3], free[4], free[5]);
        string folder = Directory.CreateTempSubdirectory().FullName;
        ServerProcess first = await StartReplicaAsync(ports.First, ports.FirstGrpc, folder, settings);
        ReplicasBehindNginx pair;
        try
        {
            ServerProcess second = await StartReplicaAsync(ports.Second, ports.SecondGrpc, folder, settings);
            pair = new ReplicasBehindNginx(ports, [first, second], settings, folder, mostConnections);
        }
        catch
        {
            await first.DisposeAsync();
            throw;
        }

        await ServerProcess.UntilAsync(async () => await IsReadyAsync(pair.Client));
        return pair;
    }

    /// <summary>Ends a replica as a process manager does, and starts it anew.</summary>
    public async Task RestartAsync(int replica)
    {
        await using (ServerProcess old = Replicas[replica])
        {
            old.Signal(ServerProcess.Terminate);
            Assert.Equal(0, await old.ExitAsync());
        }

        (int http, int grpc) = replica == 0 ? (_ports.First, _ports.FirstGrpc) : (_ports.Second, _ports.SecondGrpc);
        Replicas[replica] = await StartReplicaAsync(http, grpc, _folder, _settings);
    }

    /// <summary>Stops a replica from serving a model, so that the replica answers 503, as while it loads.</summary>
    public async Task UnloadAsync(int replica, string model)
    {
        using HttpClient direct = new() { BaseAddress = Replicas[replica].Address };
        direct.DefaultRequestHeaders.Add("X-API-Key", Key);
        using HttpResponseMessage answer = await direct.PostAsync($"/v1/models/{model}/unload", null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    /// <summary>Asks for masks, one after the other, as long as it is told to.</summary>
    /// <param name="answers">Takes how often each answer came: OK, or what went wrong.</param>
    /// <param name="keepAlive">Whether the client keeps its connection to nginx.</param>
    /// <param name="more">Whether there is another request to be made.</param>
    public async Task AskAsync(ConcurrentDictionary<string, int> answers, bool keepAlive, Func<bool> more)
    {
        while (more())
        {
            string answer;
            try
            {
                using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny")
                {
                    Content = Photo.Content(Photo.Png),
                    Headers = { ConnectionClose = !keepAlive },
                };
                using HttpResponseMessage response = await Client.SendAsync(request);
                answer = response.IsSuccessStatusCode ? "OK" : $"{response.StatusCode}: {await response.Content.ReadAsStringAsync()}";
            }
            catch (HttpRequestException e)
            {
                answer = e.Message;
            }

            answers.AddOrUpdate(answer, 1, static (_, count) => count + 1);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Grpc.Dispose();
        _nginx.Dispose();
        foreach (ServerProcess replica in Replicas)
        {
            await replica.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static Task<ServerProcess> StartReplicaAsync(
        int port, int grpc, string folder, (string Key, string Value)[] settings) =>
        ServerProcess.StartAsync(
            $"http://127.0.0.1:{port}",
            [
                ("OpenInference:GrpcUrl", $"http://127.0.0.1:{grpc}"),
                .. settings.Select(s => (s.Key, s.Value.Replace(Folder, Path.Combine(folder, $"{port}"), StringComparison.Ordinal))),
            ]);

    private static async Task<bool> IsReadyAsync(HttpClient client)
    {
        try
        {
            using HttpResponseMessage response = await client.GetAsync("/health/ready");
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false; // nginx does not listen yet
        }
    }

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        Array.ForEach(listeners, l => l.Start());
        int[] ports = [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        Array.ForEach(listeners, l => l.Dispose());
        return ports;
    }
}
