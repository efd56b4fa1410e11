using System.Diagnostics;

namespace InferenceServer.Cli.Tests.Hosting;

/// <summary>ONNX Runtime's telemetry, which would write into the home folder when a process opens its first session, is off.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Segment_InAFreshProcess_WritesNothingIntoItsHome()
    {
        string image = _folder.WritePhoto("photo.png", 8, 8, 200, 20, 30), home = _folder["home"];
        Directory.CreateDirectory(home);
        ProcessStartInfo start = new(
            "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "inference-server.dll"), "segment", image, "--models",
                Cli.Models, "--model", "tiny", "--out", _folder["out"]
            ]);
        start.Environment["HOME"] = home;
        start.Environment.Remove("XDG_CACHE_HOME");
        start.Environment.Remove("ORT_DISABLE_TELEMETRY");
        using Process program = Process.Start(start)!;
        await program.WaitForExitAsync();

        Assert.Equal(0, program.ExitCode);
        Assert.True(File.Exists(_folder["out", "photo.png"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(home));
    }
}
