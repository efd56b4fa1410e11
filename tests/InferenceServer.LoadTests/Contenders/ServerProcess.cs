using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>A server that is started for the measurement, and ended with all its workers.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(90);

    private readonly Process _process;

    private ServerProcess(Process process, Uri address)
    {
        _process = process;
        Tree = new ProcessTree(process.Id);
        Address = address;
    }

    public Uri Address { get; }

    public ProcessTree Tree { get; }

    /// <summary>Starts a server and waits until it is ready.</summary>
    /// <param name="command">A shell command; <c>PORT</c> in it becomes a free port.</param>
    /// <param name="log">A file that takes what the server prints, as in production.</param>
    public static async Task<ServerProcess> StartAsync(string command, string log)
    {
        int port = FreePort();
        Process process = Process.Start(
            "/bin/sh", ["-c", $"exec {command.Replace("PORT", $"{port}", StringComparison.Ordinal)} >'{log}' 2>&1"]);
        ServerProcess server = new(process, new Uri($"http://127.0.0.1:{port}"));
        try
        {
            await server.ReadyAsync(log).ConfigureAwait(false);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            using Process terminate = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
            if (!_process.WaitForExit(TimeSpan.FromSeconds(15)))
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit();
            }
        }

        _process.Dispose();
    }

    private async Task ReadyAsync(string log)
    {
        using HttpClient http = new() { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
        for (
            long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < MaxWait
                && !_process.HasExited; await Task.Delay(200).ConfigureAwait(false))
        {
            try
            {
                using HttpResponseMessage response = await http.GetAsync(new Uri("/health/ready", UriKind.Relative)).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // Not listening yet.
            }
        }

        throw new InvalidOperationException(
            $"The server did not become ready; it wrote: {await File.ReadAllTextAsync(log).ConfigureAwait(false)}");
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
