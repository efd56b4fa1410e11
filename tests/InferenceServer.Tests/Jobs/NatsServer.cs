using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace InferenceServer.Tests.Jobs;

/// <summary>A NATS server with JetStream, in a process of its own.</summary>
internal sealed class NatsServer : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("nats-").FullName;
    private readonly int _port;
    private Process? _process;

    private NatsServer(int port) => _port = port;

    /// <summary>Why there is no server; null where there is one.</summary>
    public static string? Missing { get; } = ((string[])["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"])
        .Any(File.Exists) ? null : "nats-server is not installed; apt-get install nats-server";

    public string Url => $"nats://127.0.0.1:{_port}";

    public static async Task<NatsServer> StartAsync()
    {
        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        NatsServer server = new(((IPEndPoint)free.LocalEndpoint).Port);
        free.Stop();
        await server.StartAgainAsync();
        return server;
    }

    public async Task StartAgainAsync()
    {
        _process = Process.Start(new ProcessStartInfo("nats-server", ["-js", "-sd", _data, "-a", "127.0.0.1", "-p", $"{_port}"])
        {
            RedirectStandardError = true,
        })!;
        _process.ErrorDataReceived += (_, _) => { }; // the log is read, so that the pipe is never full
        _process.BeginErrorReadLine();
        await Eventually.TrueAsync(async () =>
        {
            using TcpClient probe = new();
            try
            {
                await probe.ConnectAsync(IPAddress.Loopback, _port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        });
    }

    public void Kill(bool losesItsDisk = false)
    {
        _process!.Kill();
        _process.WaitForExit();
        if (losesItsDisk)
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    public void Dispose()
    {
        Kill();
        _process!.Dispose();
        Directory.Delete(_data, recursive: true);
    }
}

/// <summary>A test that needs NATS and a store that speaks S3, and says so where one is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedJobsFactAttribute : FactAttribute
{
    /// <summary>Looks for the programs.</summary>
    public SharedJobsFactAttribute([CallerMemberName] string test = "")
    {
        if ((NatsServer.Missing ?? S3Server.Missing) is { } missing)
        {
            Skip = missing;
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }
}
