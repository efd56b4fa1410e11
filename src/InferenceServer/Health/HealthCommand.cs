using System.Net.Sockets;

namespace InferenceServer.Health;

/// <summary><c>InferenceServer health [ready|live]</c>: asks a server on this machine for its health; what an image without a shell or curl runs as its health check.</summary>
internal static class HealthCommand
{
    /// <summary>The first argument that asks for this command instead of a server.</summary>
    public const string Name = "health";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Asks and tells.</summary>
    /// <param name="args">What follows the name: nothing or <c>ready</c>, or <c>live</c>.</param>
    /// <param name="urls">Its address for operators, which is plain HTTP even where the others are not, or the addresses that it listens on, as in <c>ASPNETCORE_URLS</c>, or null.</param>
    /// <param name="ports">Its ports, as in <c>ASPNETCORE_HTTP_PORTS</c>, or null.</param>
    /// <returns>0 if the probe passed, 1 if it did not, 2 for other arguments.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, string? urls, string? ports)
    {
        if (args is not ([] or ["ready" or "live"]))
        {
            await Console.Error.WriteLineAsync("health takes 'ready' (the default) or 'live'.");
            return 2;
        }

        Uri probe = new(Address(urls, ports), "/health/" + (args is [var which] ? which : "ready"));
        using HttpClient client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(probe);
            await Console.Out.WriteLineAsync(await answer.Content.ReadAsStringAsync());
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
        {
            await Console.Error.WriteLineAsync($"No answer from {probe}: {e.Message}");
            return 1;
        }
    }

    /// <summary>Where the server can be reached from its own machine: the first plain HTTP address, with the loopback address for a wildcard.</summary>
    /// <remarks>An address and not the name: a container may have no <c>/etc/hosts</c>.</remarks>
    internal static Uri Address(string? urls, string? ports)
    {
        string? url = urls?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .FirstOrDefault(u => u.StartsWith("http://", StringComparison.OrdinalIgnoreCase));
        if (url is null)
        {
            return new Uri($"http://127.0.0.1:{ports?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? "8080"}");
        }

        BindingAddress address = BindingAddress.Parse(url);
        return new Uri($"http://{(address.Host is "*" or "+" or "0.0.0.0" or "[::]" or "localhost" ? "127.0.0.1" : address.Host)}:{address.Port}");
    }
}
