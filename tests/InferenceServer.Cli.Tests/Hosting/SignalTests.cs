using System.Diagnostics;
using System.Net;
using InferenceServer.Tests;

namespace InferenceServer.Cli.Tests.Hosting;

/// <summary>The program as a process, stopped by signals.</summary>
public sealed class SignalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Terminate_UnderWay_SaysWhatIsDoneAndGives143()
    {
        string[] photos = [.. ((string[])["a", "b"]).Select(name => _folder.WritePhoto($"photos/{name}.png", 8, 8, 200, 20, 30))];
        using HttpListener listener = Loopback.Listen(out Uri address);
        using Process program = Start(
            ["segment", .. photos, "--server", address.ToString(), "--model", "m", "--out", _folder["out"], "--concurrency", "1"]);
        HttpListenerContext first = await listener.GetContextAsync();
        foreach (string header in (string[])["X-Model-Version", "X-Image-Width", "X-Image-Height", "X-Model"])
        {
            first.Response.Headers[header] = "1";
        }

        first.Response.Close([1, 2, 3], willBlock: false);
        await listener.GetContextAsync(); // the second is never answered
        Signal(program, "TERM");

        string output = await program.StandardOutput.ReadToEndAsync(), error = await program.StandardError.ReadToEndAsync();
        await program.WaitForExitAsync();
        Assert.Equal((143, _folder["out", "a.png"] + "\n"), (program.ExitCode, output));
        Assert.Equal("1 of 2 images have no mask.\nCancelled.\n", error);
    }

    // A read from a pipe without a writer cannot be cancelled.
    [Fact]
    public async Task Interrupt_Twice_EndsWhatCannotBeCancelled()
    {
        string pipe = _folder["pipe.png"];
        using (Process make = Process.Start("mkfifo", [pipe]))
        {
            await make.WaitForExitAsync();
        }

        using Process program = Start(["segment", pipe, "--server", "http://localhost", "--model", "m", "--out", _folder["out"]]);
        using FileStream writer = new(pipe, FileMode.Open, FileAccess.Write, FileShare.ReadWrite); // waits until the program reads
        do
        {
            Signal(program, "INT"); // two that come at once are one
        }
        while (!program.WaitForExit(100));

        Assert.Equal(130, program.ExitCode);
    }

    private static Process Start(string[] arguments)
    {
        // A shell's background jobs inherit SIGINT ignored, and .NET leaves it so.
        string[] all = ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "inference-server.dll"), .. arguments];
        ProcessStartInfo start = new("env", all) { RedirectStandardOutput = true, RedirectStandardError = true };
        return Process.Start(start)!;
    }

    private static void Signal(Process program, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{program.Id}"]);
        kill.WaitForExit();
    }
}
