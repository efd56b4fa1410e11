using System.Net.Sockets;
using InferenceServer.Hosting;

namespace InferenceServer.Health;

/// <summary><c>InferenceServer health [ready|live]</c>: probes a server on this machine. Container images without a
/// shell or curl use it as their health check.</summary>
internal static class HealthCommand
{
    /// <summary>The first argument, which selects this command instead of the server.</summary>
    public const string Name = "health";

    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Sends the probe and prints the response.</summary>
    /// <param name="args">The arguments after the name: none or <c>ready</c>, or <c>live</c>.</param>
    /// <param name="urls">The server's management address, or its addresses as in <c>ASPNETCORE_URLS</c>, or
    /// null.</param>
    /// <param name="ports">The server's ports as in <c>ASPNETCORE_HTTP_PORTS</c>, or null.</param>
    /// <returns>0 for a passed probe, 1 for a failed probe, 2 for other arguments.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, string? urls, string? ports)
    {
        if (args is not ([] or ["ready" or "live"]))
        {
            await Console.Error.WriteLineAsync(
                $"health: expected 'ready' (the default) or 'live', got '{string.Join(' ', args)}'.");
            return 2;
        }

        Uri probe = new(Address(urls, ports), "/health/" + (args is [var which] ? which : "ready"));
        using HttpClient client = new(Handler(SocketPath(urls))) { Timeout = AnswerTimeout };
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(probe);
            await Console.Out.WriteLineAsync(await answer.Content.ReadAsStringAsync());
            if (answer.IsSuccessStatusCode)
            {
                return 0;
            }

            return 1;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
        {
            string place = SocketPath(urls) is { } socket ? $"{socket} at {probe.AbsolutePath}" : probe.ToString();
            await Console.Error.WriteLineAsync($"No response from {place}: {e.Message}");
            return 1;
        }
    }

    /// <summary>The Unix socket of the first plain HTTP address; null where that address has a port.</summary>
    internal static string? SocketPath(string? urls) => UnixSocketAddresses.PathOf(First(urls));

    /// <summary>The server's address on its own machine: the first plain HTTP address, with the loopback address
    /// instead of a wildcard.</summary>
    /// <remarks>The loopback address instead of <c>localhost</c>: a container may have no <c>/etc/hosts</c>.</remarks>
    internal static Uri Address(string? urls, string? ports)
    {
        string? url = First(urls);
        if (SocketPath(urls) is not null)
        {
            return new Uri("http://localhost"); // only a name for the request's header
        }

        if (url is null)
        {
            string? port = ports?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault();
            return new Uri($"http://127.0.0.1:{port ?? "8080"}");
        }

        BindingAddress address = BindingAddress.Parse(url);
        string host = address.Host is "*" or "+" or "0.0.0.0" or "[::]" or "localhost" ? "127.0.0.1" : address.Host;
        return new Uri($"http://{host}:{address.Port}");
    }

    private static string? First(string? urls) =>
        urls?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .FirstOrDefault(u => u.StartsWith("http://", StringComparison.OrdinalIgnoreCase));

    private static SocketsHttpHandler Handler(string? socketPath)
    {
        SocketsHttpHandler handler = new() { UseProxy = false };
        if (socketPath is not null)
        {
            handler.ConnectCallback = async (_, cancellationToken) =>
            {
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            };
        }

        return handler;
    }
}
