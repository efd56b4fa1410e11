using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace InferenceServer.Tests;

/// <summary>The program as a process of its own, with the tiny models: for signals and exit codes.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    public const int Terminate = 15;
    public const int Interrupt = 2;
    public const int KillNow = 9;
    private const string AnyPort = "http://127.0.0.1:0";
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(string[] command, string url, (string Key, string Value)[] settings)
    {
        // Background jobs inherit SIGINT or SIGHUP ignored, and .NET leaves it so; `env` becomes the server and keeps its number.
        ProcessStartInfo start = new("env") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["--default-signal=INT,HUP", .. command, "--urls=" + url])
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string key, string value) in ((string, string)[])[
            ("Models:Path", Path.Combine(AppContext.BaseDirectory, "models")), ("Models:Default", "tiny"),
            ("Models:Watch", "Off"), ("Onnx:Provider", "Cpu"), .. settings
        ])
        {
            start.ArgumentList.Add($"--{key}={value}");
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Starts the program that was built with these tests.</summary>
    public static string[] Command { get; } = ["dotnet", Path.Combine(AppContext.BaseDirectory, "InferenceServer.dll")];

    public Uri Address => _address.Task.Result;

    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    public bool HasExited => _process.HasExited;

    /// <summary>Bytes of memory that it has now.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Starts the program and waits until it is ready.</summary>
    public static Task<ServerProcess> StartAsync(string url, params (string Key, string Value)[] settings) =>
        StartAsync(Command, url, settings);

    /// <summary>Starts the program on a free port.</summary>
    public static Task<ServerProcess> StartAsync(params (string Key, string Value)[] settings) => StartAsync(Command, AnyPort, settings);

    /// <summary>Starts a program on a free port.</summary>
    /// <param name="command">The program with its first arguments; before it, changes of the environment as <c>env</c> takes them.</param>
    public static Task<ServerProcess> StartCommandAsync(params string[] command) => StartAsync(command, AnyPort, []);

    private static async Task<ServerProcess> StartAsync(string[] command, string url, (string Key, string Value)[] settings)
    {
        ServerProcess server = new(command, url, settings);
        try
        {
            Uri address = await server._address.Task.WaitAsync(MaxWait);
            using HttpClient client = new() { BaseAddress = address };
            await UntilAsync(async () => (await client.GetAsync("/health/ready")).IsSuccessStatusCode);
            return server;
        }
        catch (Exception e)
        {
            await server.DisposeAsync();
            throw new InvalidOperationException("The server did not start: " + server.Log, e);
        }
    }

    public void Signal(int signal) => Assert.Equal(0, Kill(_process.Id, signal));

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> ExitAsync()
    {
        using CancellationTokenSource timeout = new(MaxWait);
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using CancellationTokenSource timeout = new(MaxWait);
        while (!await condition())
        {
            await Task.Delay(5, timeout.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    internal static extern int Kill(int process, int signal);

    [GeneratedRegex(@"Now listening on: \\?""?(?<url>http://[^\s""\\]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Listening();

    private void Take(string? line)
    {
        lock (_log)
        {
            _log.AppendLine(line);
        }

        if (line is not null && Listening().Match(line) is { Success: true } match)
        {
            _address.TrySetResult(new Uri(match.Groups["url"].Value));
        }
    }
}
