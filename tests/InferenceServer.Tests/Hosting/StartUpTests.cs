using System.Diagnostics;

namespace InferenceServer.Tests.Hosting;

/// <summary>A server that cannot serve as it was told says why and ends, instead of serving otherwise. In a process of its own, for its exit code.</summary>
public sealed class StartUpTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Start_GpuRequiredWhereNoneIs_EndsWithTheReason()
    {
        (int exitCode, string output) = await RunAsync("--Onnx:RequireGpu=true", "--Onnx:GpuDevice=63"); // a device that no machine has

        Assert.Equal(1, exitCode);
        Assert.Contains("Onnx:RequireGpu", output, StringComparison.Ordinal);
        Assert.DoesNotContain("ready on Cpu", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_NoModelsFolder_EndsWithTheReason()
    {
        (int exitCode, string output) = await RunAsync("--Models:Path=/no/such/folder");

        Assert.Equal(1, exitCode);
        Assert.Contains("/no/such/folder", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("OpenInference:MaxMessageBytes", "0")]
    [InlineData("OpenInference:GrpcUrl", "localhost:8001")]
    [InlineData("Hosting:ManagementUrl", "http://127.0.0.1:0")]
    [InlineData("Decoding:MaxPixels", "0")]
    [InlineData("Onnx:Provider", "Abacus")]
    [InlineData("Jobs:Folder", "jobs")]
    [InlineData("Security:Jwt:Issuer", "https://login.example.org")]
    [InlineData("Jobs:Path", "/dev/null/jobs")]
    [InlineData("Telemetry:Prometheus", "perhaps")]
    [InlineData("Telemetry:OtlpEndpoint", "collector:4317")]
    [InlineData("Telemetry:OtlpProtocol", "json")]
    public async Task Start_BadOption_EndsWithItsKeyInOneLine(string key, string value)
    {
        (int exitCode, string output) = await RunAsync($"--{key}={value}");

        Assert.Equal(1, exitCode);
        Assert.Contains(key, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal); // no trace
    }

    // Both can be listened at, and clients would be taken for operators.
    [Fact]
    public async Task Start_ManagementPortOfAnotherAddress_EndsWithTheReason()
    {
        (int exitCode, string output) = await RunAsync("--urls=http://127.0.0.1:0;http://127.0.0.2:9090", "--Hosting:ManagementUrl=http://127.0.0.1:9090");

        Assert.Equal(1, exitCode);
        Assert.Contains("http://127.0.0.2:9090", output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] settings)
    {
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "InferenceServer.dll"), "--urls=http://127.0.0.1:0", "--Models:Path=" + Path.Combine(AppContext.BaseDirectory, "models"), .. settings])
        {
            start.ArgumentList.Add(argument);
        }

        using Process server = Process.Start(start)!;
        using CancellationTokenSource patience = new(Patience);
        try
        {
            Task<string> output = server.StandardOutput.ReadToEndAsync(patience.Token);
            Task<string> errors = server.StandardError.ReadToEndAsync(patience.Token);
            await server.WaitForExitAsync(patience.Token);
            return (server.ExitCode, await output + await errors);
        }
        finally
        {
            server.Kill(); // does nothing to a server that has ended
        }
    }
}
