using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Tests.Deploy;

/// <summary>Replicas behind nginx, with the configuration that deploy/ offers.</summary>
public sealed class NginxTests
{
    [NginxFact]
    public async Task Restart_OneReplicaAfterTheOtherUnderLoad_FailsNoRequest()
    {
        int[] ports = FreePorts(3);
        ServerProcess first = await StartAsync(ports[0]), second = await StartAsync(ports[1]);
        using NginxProcess nginx = new(ports[2], ports[0], ports[1]);
        try
        {
            using HttpClient client = new() { BaseAddress = new Uri($"http://127.0.0.1:{ports[2]}") };
            await ServerProcess.UntilAsync(async () => await IsReadyAsync(client));
            using CancellationTokenSource done = new();
            ConcurrentDictionary<string, int> answers = new();
            Task[] clients = [.. Enumerable.Range(0, 6).Select(i => Task.Run(() => AskAsync(client, answers, i, done.Token)))];

            first = await RestartAsync(first, ports[0]);
            second = await RestartAsync(second, ports[1]);

            await done.CancelAsync();
            await Task.WhenAll(clients);
            Assert.True(answers.Keys.SequenceEqual(["OK"]), string.Join("; ", answers) + Environment.NewLine + nginx.Errors);
        }
        finally
        {
            await first.DisposeAsync();
            await second.DisposeAsync();
        }
    }

    private static Task<ServerProcess> StartAsync(int port) => ServerProcess.StartAsync($"http://127.0.0.1:{port}");

    private static async Task<ServerProcess> RestartAsync(ServerProcess server, int port)
    {
        await using (server)
        {
            server.Signal(ServerProcess.Terminate);
            Assert.Equal(0, await server.ExitAsync());
        }

        return await StartAsync(port);
    }

    // Some clients keep their connection to nginx, some come anew each time.
    private static async Task AskAsync(HttpClient client, ConcurrentDictionary<string, int> answers, int number, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            string answer;
            try
            {
                using HttpRequestMessage request = new(HttpMethod.Post, "/v1/segment/tiny") { Content = Photo.Content(Photo.Png), Headers = { ConnectionClose = number % 2 == 0 } };
                using HttpResponseMessage response = await client.SendAsync(request, CancellationToken.None);
                answer = response.IsSuccessStatusCode ? "OK" : $"{response.StatusCode}: {await response.Content.ReadAsStringAsync(CancellationToken.None)}";
            }
            catch (HttpRequestException e)
            {
                answer = e.Message;
            }

            answers.AddOrUpdate(answer, 1, static (_, count) => count + 1);
        }
    }

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
