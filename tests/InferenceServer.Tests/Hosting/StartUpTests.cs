using System.Diagnostics;

namespace InferenceServer.Tests.Hosting;

/// <summary>A server that cannot serve as it was told says why and ends, instead of serving otherwise. In a process
/// of its own, for its exit code.</summary>
public sealed class StartUpTests
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(1);

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
    [InlineData("Hosting:TrustedProxies", "0.0.0.0/0", ":0")]
    [InlineData("Hosting:PathBase", "seg/")]
    [InlineData("Hosting:ProxyHops", "0")]
    [InlineData("FORWARDEDHEADERS_ENABLED", "true")]
    [InlineData("Decoding:MaxPixels", "0")]
    [InlineData("Onnx:Provider", "Abacus")]
    [InlineData("Jobs:Folder", "jobs")]
    [InlineData("Security:Jwt:Issuer", "https://login.example.org")]
    [InlineData("Jobs:Path", "/dev/null/jobs")]
    [InlineData("Telemetry:Prometheus", "perhaps")]
    [InlineData("Telemetry:OtlpEndpoint", "collector:4317")]
    [InlineData("Telemetry:OtlpProtocol", "json")]
    public async Task Start_BadOption_EndsWithItsKeyInOneLine(string key, string value, string element = "")
    {
        (int exitCode, string output) = await RunAsync($"--{key}{element}={value}");

        Assert.Equal(1, exitCode);
        Assert.Contains(key, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal); // no trace
    }

    [Theory]
    [InlineData("--help", "--Models:Path=/no/such/folder")]
    [InlineData("-h")]
    public async Task Help_Asked_ListsTheOptionsAndDoesNotServe(params string[] arguments)
    {
        (int exitCode, string output) = await RunAsync(arguments);

        Assert.Equal(0, exitCode);
        Assert.Contains("Models:Path", output, StringComparison.Ordinal);
        Assert.Contains("InferenceServer health", output, StringComparison.Ordinal);
        Assert.Contains("00:00:30", output, StringComparison.Ordinal); // a default
        Assert.DoesNotContain("Now listening", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_Asked_IsOneLineAndDoesNotServe()
    {
        (int exitCode, string output) = await RunAsync("--version");

        Assert.Equal(0, exitCode);
        Assert.Matches(@"^InferenceServer \d+\.\d+\.\d+\S*\n$", output);
    }

    [Theory]
    [InlineData("htp://localhost:8080")]
    [InlineData("localhost")]
    [InlineData("8080")]
    [InlineData("http://localhost:80800")]
    [InlineData("http://localhost:abc")]
    [InlineData("http://203.0.113.7:0")] // an address of no interface
    [InlineData("http://localhost:8080/prefix")]
    public async Task Start_BadUrls_EndsWithOneSentence(string urls)
    {
        (int exitCode, string output) = await RunAsync("--urls=" + urls);

        Assert.Equal(1, exitCode);
        Assert.Contains("The server cannot start: ", output, StringComparison.Ordinal);
        Assert.Contains("--urls", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--Securty:Keys:lab:Hash=x", "--Securty:Keys:lab:Hash: there is no section 'Securty'. Did you mean Security?")]
    [InlineData("--Security:Kyes:lab:Hash=x", "Did you mean Security:Keys?")]
    [InlineData("--ulrs=http://127.0.0.1:0", "Did you mean urls?")]
    [InlineData("--Colour=blue", "--Colour: there is no section 'Colour'. There are ")]
    [InlineData("--hlep", "Did you mean --help?")]
    [InlineData("heath", "Did you mean health?")]
    [InlineData("--Models:Default", "--Models:Default: expected a value")]
    [InlineData("-p=8080", "got '-p=8080'")]
    public async Task Start_UnknownArgument_IsNamedWithTheOneThatWasMeant(string argument, string message)
    {
        (int exitCode, string output) = await RunAsync(argument);

        Assert.Equal(1, exitCode);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    // Such a server would be open to everybody.
    [Fact]
    public async Task Start_MisspeltSectionInTheEnvironment_IsNamedWithTheOneThatWasMeant()
    {
        (int exitCode, string output) = await RunAsync(start => start.Environment["Securty__Keys__lab__Hash"] = "x");

        Assert.Equal(1, exitCode);
        Assert.Contains(
            "Securty__Keys__lab__Hash: there is no section 'Securty'. Did you mean Security?", output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_EnvironmentOfOtherPrograms_IsLeftAlone()
    {
        await using ServerProcess server = await ServerProcess.StartCommandAsync(
            [
                "env", "Vault__Token=x", "GITHUB__ACTOR=x", "ASPNETCORE_Securty__Keys=x", .. ServerProcess.Command,
                "--OTEL_SERVICE_NAME=x", "--AllowedHosts=*"
            ]);

        using HttpClient client = new() { BaseAddress = server.Address };
        Assert.Equal("OK", (await client.GetAsync("/health/live")).StatusCode.ToString());
    }

    [Theory]
    [InlineData("""{ "Securty": {} }""", "appsettings.Newcomer.json: there is no section 'Securty'. Did you mean Security?")]
    [InlineData("""{ "Logging": {}, "Kestrel": {}, "Notes": "" }""", "appsettings.Newcomer.json: there is no section 'Notes'. There are ")]
    [InlineData("""{ "Jobs": """, "appsettings.Newcomer.json")]
    public async Task Start_UnknownSectionInAFile_IsNamedWithTheFile(string settings, string message)
    {
        string file = Path.Combine(AppContext.BaseDirectory, "appsettings.Newcomer.json");
        await File.WriteAllTextAsync(file, settings);
        try
        {
            (int exitCode, string output) = await RunAsync("--environment=Newcomer");

            Assert.Equal(1, exitCode);
            Assert.Contains(message, output, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    // Both can be listened at, and clients would be taken for operators.
    [Fact]
    public async Task Start_ManagementPortOfAnotherAddress_EndsWithTheReason()
    {
        (int exitCode, string output) = await RunAsync(
            "--urls=http://127.0.0.1:0;http://127.0.0.2:9090", "--Hosting:ManagementUrl=http://127.0.0.1:9090");

        Assert.Equal(1, exitCode);
        Assert.Contains("http://127.0.0.2:9090", output, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output)> RunAsync(params string[] settings) => RunAsync(_ => { }, settings);

    private static async Task<(int ExitCode, string Output)> RunAsync(Action<ProcessStartInfo> change, params string[] settings)
    {
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[
            Path.Combine(AppContext.BaseDirectory, "InferenceServer.dll"), "--urls=http://127.0.0.1:0",
            "--Models:Path=" + Path.Combine(AppContext.BaseDirectory, "models"), .. settings
        ])
        {
            start.ArgumentList.Add(argument);
        }

        change(start);
        using Process server = Process.Start(start)!;
        using CancellationTokenSource timeout = new(MaxWait);
        try
        {
            Task<string> output = server.StandardOutput.ReadToEndAsync(timeout.Token);
            Task<string> errors = server.StandardError.ReadToEndAsync(timeout.Token);
            await server.WaitForExitAsync(timeout.Token);
            return (server.ExitCode, await output + await errors);
        }
        finally
        {
            server.Kill(); // does nothing to a server that has ended
        }
    }
}
