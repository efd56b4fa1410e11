using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Xml.Linq;

namespace InferenceServer.Tests.Packages;

/// <summary>The packages, in projects that know nothing of this repository: the code of each README is their program.</summary>
[Collection(SharedServer.Name)]
public sealed class PackagesTests(SegmentationServer server, PackagesTests.Feed feed) : IClassFixture<PackagesTests.Feed>
{
    private const string Model = "camvid-fcn8s";

    [Fact]
    public void Readme_OfTheRuntime_HasTheSample() =>
        Assert.Equal(
            File.ReadAllLines(Path.Combine(Repository.Root, "samples", "MinimalHost", "Program.cs")),
            ReadmeProgram("InferenceServer.Runtime").Split('\n')[..^1]);

    [Fact]
    public async Task Runtime_Installed_WritesTheMaskOfTheSample()
    {
        string image = Path.Combine(
            Repository.Root,
            "tests",
            "assets",
            "street.jpg"), expected = feed.PathOf("expected.png"), actual = feed.PathOf("actual.png");
        string platform = (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-") +
            RuntimeInformation.ProcessArchitecture.ToString()
            .ToLowerInvariant();
        string models = feed.CopyModel(Model);
        string program = feed.CreateProject(
            "Consumer", ReadmeProgram("InferenceServer.Runtime"), "InferenceServer.Runtime",
            "Microsoft.Extensions.Hosting");

        string withoutNatives = await feed.RunAsync("build", program);
        feed.AddPackages(program, "Microsoft.ML.OnnxRuntime", "NetVips.Native." + platform);
        string withNatives = await feed.RunAsync("build", program);
        await feed.RunAsync("run", "--no-build", "--project", program, models, Model, image, actual);
        await SampleTests.RunAsync(models, Model, image, expected);

        Assert.Equal(await File.ReadAllBytesAsync(expected), await File.ReadAllBytesAsync(actual));
        Assert.Contains("NATIVE003", withoutNatives, StringComparison.Ordinal);
        Assert.Contains("NATIVE004", withoutNatives, StringComparison.Ordinal);
        Assert.DoesNotContain("NATIVE", withNatives, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_Installed_WritesTheMaskOfTheServer()
    {
        string image = feed.PathOf("image.png"), mask = feed.PathOf("mask.png");
        await File.WriteAllBytesAsync(image, Photo.Png);
        string program = feed.CreateProject("ClientConsumer", ReadmeProgram("InferenceServer.Client"), "InferenceServer.Client");

        string output = await feed.RunAsync("run", "--project", program, server.Client.BaseAddress!.ToString(), image, mask);

        Assert.Equal(Photo.Labels, PngImage.Read(await File.ReadAllBytesAsync(mask)).Samples);
        Assert.Contains($"tiny, version 1: {Photo.Width}×{Photo.Height} pixels", output, StringComparison.Ordinal);
    }

    private static string ReadmeProgram(string project)
    {
        const string Begin = "```csharp\n";
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "src", project, "README.md"));
        int start = readme.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        return readme[start..readme.IndexOf("```", start, StringComparison.Ordinal)];
    }

    /// <summary>A folder outside of the repository: a feed with the packages as this checkout makes them, and
    /// projects that use them.</summary>
    public sealed class Feed : IAsyncLifetime
    {
        private static readonly XDocument Versions = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props"));
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inference-server-packages-");
        private readonly string _version = $"0.0.0-test.{Environment.TickCount64}";

        /// <summary>A path in the folder.</summary>
        public string PathOf(params string[] path) => Path.Combine([_folder.FullName, .. path]);

        /// <inheritdoc/>
        public async Task InitializeAsync()
        {
            foreach (string project in (string[])[
                "DenseCrf", "InferenceServer.Kernels", "OnnxGraph", "InferenceServer.Runtime", "InferenceServer.Client"
            ])
            {
                await RunAsync(
                    "pack", Path.Combine(Repository.Root, "src", project), "-c", "Release", "-o", PathOf("feed"),
                    "--artifacts-path", PathOf("artifacts"),
                    "-p:RunAnalyzers=false", "-p:Version=" + _version);
            }

            // What this machine has already is not downloaded again, and what the tests install is not left there.
            string installed = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
                ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
            Directory.CreateDirectory(installed);
            await File.WriteAllTextAsync(
                PathOf("nuget.config"),
                $"""
                <configuration>
                  <packageSources><add key="feed" value="{PathOf("feed")}" /></packageSources>
                  <fallbackPackageFolders><add key="installed" value="{installed}" /></fallbackPackageFolders>
                </configuration>
                """);
        }

        /// <inheritdoc/>
        public Task DisposeAsync()
        {
            _folder.Delete(recursive: true);
            return Task.CompletedTask;
        }

        /// <summary>Copies one of the served models into a folder of its own.</summary>
        /// <returns>The folder of models.</returns>
        public string CopyModel(string model)
        {
            string source = Path.Combine(
                Repository.Root,
                "models",
                model), target = Directory.CreateDirectory(PathOf("models", model, "1")).FullName;
            File.Copy(Path.Combine(source, "model.json"), PathOf("models", model, "model.json"));
            File.Copy(Path.Combine(source, "1", "model.onnx"), Path.Combine(target, "model.onnx"));
            return PathOf("models");
        }

        /// <summary>Writes a project of one file.</summary>
        /// <returns>The project's folder.</returns>
        public string CreateProject(string name, string program, params string[] packages)
        {
            Directory.CreateDirectory(PathOf(name));
            File.WriteAllText(PathOf(name, "Program.cs"), program);
            File.WriteAllText(
                PathOf(name, name + ".csproj"),
                """
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <TargetFramework>net10.0</TargetFramework>
                    <OutputType>Exe</OutputType>
                    <Nullable>enable</Nullable>
                    <ImplicitUsings>enable</ImplicitUsings>
                  </PropertyGroup>
                </Project>
                """);
            AddPackages(PathOf(name), packages);
            return PathOf(name);
        }

        /// <summary>Adds references: to the packages of the feed, and to others in the version that the repository uses.</summary>
        public void AddPackages(string project, params string[] packages)
        {
            string file = Directory.EnumerateFiles(project, "*.csproj").Single();
            XDocument document = XDocument.Load(file);
            document.Root!.Add(new XElement("ItemGroup", packages.Select(package =>
                new XElement("PackageReference", new XAttribute("Include", package), new XAttribute("Version", VersionOf(package))))));
            document.Save(file);
        }

        /// <summary>Runs a command of the SDK.</summary>
        /// <returns>Its output.</returns>
        public async Task<string> RunAsync(string command, params string[] arguments)
        {
            ProcessStartInfo start = new("dotnet", [command, .. arguments])
            {
                WorkingDirectory = _folder.FullName,
                RedirectStandardOutput = true,
                Environment =
                {
                    ["NUGET_PACKAGES"] = command == "pack"
                        ? Environment.GetEnvironmentVariable("NUGET_PACKAGES")
                        : PathOf("packages"),
                },
            };
            using Process sdk = Process.Start(start)!;
            string output = await sdk.StandardOutput.ReadToEndAsync();
            await sdk.WaitForExitAsync();
            Assert.True(sdk.ExitCode == 0, output);
            return output;
        }

        private string VersionOf(string package) =>
            (string?)Versions.Descendants("PackageVersion")
                .SingleOrDefault(v => (string?)v.Attribute("Include") == package)?.Attribute("Version")
                ?? _version;
    }
}
