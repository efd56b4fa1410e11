using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests;

/// <summary>A server that speaks S3, in a process of its own, with its objects in a temporary folder. The tests of several
/// projects use it as a linked file.</summary>
public sealed class S3Server : IAsyncLifetime, IDisposable
{
    /// <summary>The bucket that exists from the start.</summary>
    public const string Bucket = "images";

    private static readonly string? Folder = Find(AppContext.BaseDirectory);
    private readonly string _objects = Directory.CreateTempSubdirectory("s3-").FullName;
    private Process? _process;
    private int _port;

    static S3Server()
    {
        // s3rver's only account. The client finds it as in production: in the environment.
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "S3RVER");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "S3RVER");
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", "true");
    }

    /// <summary>Why there is no server; null where there is one.</summary>
    public static string? Missing { get; } =
        !HasNode() ? "node is not installed"
        : Folder is null || !Directory.Exists(Path.Combine(Folder, "node_modules", "s3rver"))
            ? "s3rver is not installed; cd tests/s3 && npm ci"
        : null;

    /// <summary>The server's address.</summary>
    public string Url => $"http://127.0.0.1:{_port}";

    /// <summary>The options that lead to this server.</summary>
    internal S3Options Options => new() { Endpoint = Url, Timeout = TimeSpan.FromSeconds(20) };

    /// <summary>Opens a place, such as <c>s3://images/a</c>.</summary>
    internal IObjectStore Open(string place) =>
        new ObjectStores(Microsoft.Extensions.Options.Options.Create(Options)).Open(StoreLocation.Parse(place));

    /// <summary>Starts the server, again at the address that it had.</summary>
    public async Task StartAsync()
    {
        ProcessStartInfo start = new("node")
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (string argument in (string[])["server.cjs", _objects, _port.ToString(CultureInfo.InvariantCulture), Bucket])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        string? port = await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
        _port = int.Parse(port ?? throw new InvalidOperationException("s3rver did not start"), CultureInfo.InvariantCulture);
    }

    /// <summary>Kills the server; its objects stay.</summary>
    public void Stop()
    {
        if (_process is not null)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
            _process.Dispose();
            _process = null;
        }
    }

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        if (Missing is null)
        {
            await StartAsync();
        }
    }

    /// <inheritdoc/>
    public Task DisposeAsync()
    {
        Dispose();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        if (Directory.Exists(_objects))
        {
            Directory.Delete(_objects, recursive: true);
        }
    }

    private static bool HasNode() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, OperatingSystem.IsWindows() ? "node.exe" : "node")));

    private static string? Find(string? folder) =>
        folder is null ? null
        : File.Exists(Path.Combine(folder, "InferenceServer.sln")) ? Path.Combine(folder, "tests", "s3")
        : Find(Path.GetDirectoryName(folder));
}

/// <summary>A test that needs a server that speaks S3, and says so where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class S3FactAttribute : FactAttribute
{
    /// <summary>Looks for the server.</summary>
    public S3FactAttribute([CallerMemberName] string test = "")
    {
        if (S3Server.Missing is { } reason)
        {
            Skip = reason;
            DisplayName = $"{test}: {reason}"; // the console shows the names of skipped tests, but not why they were
        }
    }
}
