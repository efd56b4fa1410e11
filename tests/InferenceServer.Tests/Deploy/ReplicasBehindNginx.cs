using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Tests.Deploy;

/// <summary>Two replicas, nginx before them, and clients.</summary>
internal sealed class ReplicasBehindNginx : IAsyncDisposable
{
    private readonly (string Key, string Value)[] _settings;
    private readonly int[] _ports;
    private readonly NginxProcess _nginx;

    private ReplicasBehindNginx(int[] ports, ServerProcess[] replicas, (string Key, string Value)[] settings)
    {
        (_ports, Replicas, _settings) = (ports, replicas, settings);
        _nginx = new NginxProcess(ports[2], ports[0], ports[1]);
        Client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports[2]}") };
    }

    /// <summary>Asks nginx.</summary>
    public HttpClient Client { get; }

    public ServerProcess[] Replicas { get; }

    /// <summary>What nginx complained about.</summary>
    public string Errors => _nginx.Errors;

    public static async Task<ReplicasBehindNginx> StartAsync(params (string Key, string Value)[] settings)
    {
        int[] ports = FreePorts(3);
        ServerProcess first = await StartReplicaAsync(ports[0], settings);
        ReplicasBehindNginx pair;
        try
        {
            pair = new ReplicasBehindNginx(ports, [first, await StartReplicaAsync(ports[1], settings)], settings);
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

        Replicas[replica] = await StartReplicaAsync(_ports[replica], _settings);
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
        _nginx.Dispose();
        foreach (ServerProcess replica in Replicas)
        {
            await replica.DisposeAsync();
        }
    }

    private static Task<ServerProcess> StartReplicaAsync(int port, (string Key, string Value)[] settings) =>
        ServerProcess.StartAsync($"http://127.0.0.1:{port}", settings);

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
