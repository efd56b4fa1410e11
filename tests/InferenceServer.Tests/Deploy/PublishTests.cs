using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace InferenceServer.Tests.Deploy;

/// <summary>Programs published for each platform: whole, with that platform's native libraries and no others. Their
/// builds lie in a folder of their own.</summary>
public sealed class PublishTests(PublishTests.Artifacts artifacts) : IClassFixture<PublishTests.Artifacts>
{
    private static readonly string[] LinuxLibraries =
        ["libe_sqlite3.so", "libonnxruntime.so", "libonnxruntime_providers_shared.so", "libvips.so.42"];

    private static readonly string[] WindowsLibraries =
        ["e_sqlite3.dll", "libvips-42.dll", "onnxruntime.dll", "onnxruntime_providers_shared.dll"];

    private static readonly string[] MacLibraries = ["libe_sqlite3.dylib", "libonnxruntime.dylib", "libvips.42.dylib"];

    private static string ThisMachine =>
        (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-") +
            RuntimeInformation.ProcessArchitecture.ToString()
            .ToLowerInvariant();

    /// <summary>Each platform, its native libraries, and how a program file ends.</summary>
    public static TheoryData<string, string[], string> Platforms => new()
    {
        { "linux-x64", LinuxLibraries, "" },
        { "linux-arm64", LinuxLibraries, "" },
        { "win-x64", WindowsLibraries, ".exe" },
        { "win-arm64", WindowsLibraries, ".exe" },
        { "osx-arm64", MacLibraries, "" },
    };

    [Theory]
    [MemberData(nameof(Platforms))]
    public async Task Publish_ForAPlatform_HasItsNativesAndAllAssemblies(string platform, string[] libraries, string suffix)
    {
        // The command line holds the server, for its command `work`.
        foreach ((string project, string[] programs) in ((string, string[])[])[
            ("InferenceServer", ["InferenceServer"]), ("InferenceServer.Cli", ["inference-server", "InferenceServer"])
        ])
        {
            string program = programs[0];
            string[] files = [.. programs.Select(name => name + suffix)];
            // Not every feed has the program file of .NET for Windows on Arm; `dotnet InferenceServer.dll` does without.
            bool hasProgram = platform != "win-arm64";
            string folder = await artifacts.PublishAsync(project, platform, hasProgram ? [] : ["-p:UseAppHost=false"]);

            Assert.Equal(
                hasProgram ? [.. libraries.Concat(files).Order(StringComparer.Ordinal)] : libraries,
                Natives(folder, platform));
            Assert.Empty(Missing(folder, program, platform));
            Assert.Equal(libraries, Natives(artifacts.BuildOf(project, platform), platform).Except(files));
            Assert.Superset(
                new HashSet<string>(["vips", "NetVips.Native." + platform, "Microsoft.ML.OnnxRuntime", "SQLitePCLRaw.lib.e_sqlite3"]),
                Listed(Path.Combine(folder, program + ".cdx.json")));
        }
    }

    [Fact]
    public async Task Publish_ForThisMachine_Serves()
    {
        string folder = await artifacts.PublishAsync("InferenceServer", ThisMachine);
        await using ServerProcess server = await ServerProcess.StartCommandAsync(Path.Combine(folder, "InferenceServer"));
        using HttpClient client = new() { BaseAddress = server.Address };
        using HttpResponseMessage answer = await client.PostAsync("/v1/segment?format=raw", Photo.Content(Photo.Png));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(Photo.Labels, await answer.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Build_AfterAPublishForAnotherPlatform_HasOnlyThisMachinesNatives()
    {
        await artifacts.PublishAsync("InferenceServer", "win-x64");
        await artifacts.RunAsync("build", "InferenceServer");

        Assert.NotEmpty(Natives(artifacts.BuildOf("InferenceServer"), ThisMachine));
        Assert.NotEmpty(Natives(AppContext.BaseDirectory, ThisMachine));
    }

    [Theory]
    [InlineData("linux-musl-x64", "NATIVE001")]
    [InlineData("osx-x64", "NATIVE001")]
    [InlineData("osx-arm64", "NATIVE002", "-p:Gpu=true")]
    public async Task Publish_WhereThereAreNoNatives_SaysSoBeforeTheRestoreFails(string platform, string error, params string[] arguments)
    {
        InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            artifacts.PublishAsync("InferenceServer", platform, arguments));

        Assert.Contains(error, e.Message, StringComparison.Ordinal);
        Assert.Contains(platform, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("error NU", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("error NETSDK", e.Message, StringComparison.Ordinal);
    }

    // Fails on any that is for another platform.
    private static string[] Natives(string folder, string platform)
    {
        ILookup<string?, string> natives = Directory.EnumerateFiles(folder).ToLookup(NativeFile.PlatformOf, f => Path.GetFileName(f));
        Assert.DoesNotContain(natives, n => n.Key is not null && n.Key != platform);
        return [.. natives[platform].Order(StringComparer.Ordinal)];
    }

    // Files that the host will look for and not find.
    private static string[] Missing(string folder, string program, string platform)
    {
        using JsonDocument dependencies = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, program + ".deps.json")));
        JsonProperty target = dependencies.RootElement.GetProperty("targets")
            .EnumerateObject()
            .Single(t => t.Name.EndsWith("/" + platform, StringComparison.Ordinal));
        return
        [
            .. from library in target.Value.EnumerateObject()
               from kind in library.Value.EnumerateObject()
               where kind.Name is "runtime" or "native"
               from asset in kind.Value.EnumerateObject()
               let name = Path.GetFileName(asset.Name)
               where !File.Exists(Path.Combine(folder, name))
               select name,
        ];
    }

    // The names in a list of materials, the parts of libvips among them.
    private static HashSet<string> Listed(string file)
    {
        using JsonDocument materials = JsonDocument.Parse(File.ReadAllBytes(file));
        return [.. Names(materials.RootElement)];

        static IEnumerable<string> Names(JsonElement owner) => !owner.TryGetProperty("components", out JsonElement components) ? []
            : components.EnumerateArray().SelectMany(c => Names(c).Append(c.GetProperty("name").GetString()!));
    }

    /// <summary>A folder for the builds of these tests, apart from those of the checkout.</summary>
    public sealed class Artifacts : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inference-server-publish-");

        /// <summary>Where a build lies.</summary>
        public string BuildOf(string project, string? platform = null) =>
            Path.Combine(_folder.FullName, "bin", project, platform is null ? "release" : "release_" + platform);

        /// <summary>Publishes a program.</summary>
        /// <returns>Its folder.</returns>
        public async Task<string> PublishAsync(string project, string platform, params string[] arguments)
        {
            await RunAsync("publish", project, ["-r", platform, .. arguments]);
            return Path.Combine(_folder.FullName, "publish", project, "release_" + platform);
        }

        /// <summary>Runs a command of the SDK.</summary>
        /// <exception cref="InvalidOperationException">It failed; the message is its output.</exception>
        public async Task RunAsync(string command, string project, params string[] arguments)
        {
            // The build of the checkout has been analysed; here only its files count.
            string[] all =
            [
                command, Path.Combine(Repository.Root, "src", project), "-c", "Release", "--artifacts-path",
                _folder.FullName, "--disable-build-servers", "-p:RunAnalyzers=false", .. arguments
            ];
            ProcessStartInfo start = new("dotnet", all) { RedirectStandardOutput = true };
            using Process sdk = Process.Start(start)!;
            string output = await sdk.StandardOutput.ReadToEndAsync();
            await sdk.WaitForExitAsync();
            if (sdk.ExitCode != 0)
            {
                throw new InvalidOperationException(output);
            }
        }

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
