using System.Diagnostics;

namespace InferenceServer.Tests.Hosting;

/// <summary>ONNX Runtime's telemetry, which would write into the home folder when a process opens its first session,
/// is off in every program.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("inference-server-home-");

    public void Dispose() => _home.Delete(recursive: true);

    [Fact]
    public async Task Server_ReadyWithModels_WritesNothingIntoItsHome()
    {
        await using ServerProcess server = await ServerProcess.StartCommandAsync(
            [
                "HOME=" + _home.FullName, "--unset=XDG_CACHE_HOME", "--unset=ORT_DISABLE_TELEMETRY",
                .. ServerProcess.Command
            ]);

        Assert.Empty(_home.EnumerateFileSystemInfos());
    }

    // A test that serves a request in its own process; the test platform has files of its own in the home folder.
    [Fact]
    public async Task TestProcess_WithSessions_HasNoTelemetryInItsHome()
    {
        ProcessStartInfo start = new(
            "dotnet",
            [
                "vstest", typeof(TelemetryTests).Assembly.Location,
                $"--TestCaseFilter:FullyQualifiedName~{nameof(ReadmeTests.Readme_EveryCurl_GoesToARoute)}"
            ])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["HOME"] = _home.FullName;
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment.Remove("XDG_CACHE_HOME");
        start.Environment.Remove("ORT_DISABLE_TELEMETRY");
        using Process tests = Process.Start(start)!;
        string output = await tests.StandardOutput.ReadToEndAsync();
        await tests.WaitForExitAsync();

        Assert.True(tests.ExitCode == 0 && output.Contains("Passed!", StringComparison.Ordinal), output);
        Assert.False(Directory.Exists(Path.Combine(_home.FullName, ".cache/Microsoft")));
    }
}
