using System.Diagnostics;

namespace InferenceServer.Tests.Packages;

/// <summary>The sample in samples/MinimalHost, as the solution builds it.</summary>
public sealed class SampleTests
{
    [Fact]
    public async Task MinimalHost_ImageOfThreeColours_WritesTheMask()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inference-server-sample-");
        string image = Path.Combine(folder.FullName, "image.png"), mask = Path.Combine(folder.FullName, "mask.png");
        await File.WriteAllBytesAsync(image, Photo.Png);

        await RunAsync(Path.Combine(AppContext.BaseDirectory, "models"), "tiny", image, mask);

        Assert.Equal(Photo.Labels, PngImage.Read(await File.ReadAllBytesAsync(mask)).Samples);
        folder.Delete(recursive: true);
    }

    /// <summary>Runs the sample.</summary>
    internal static async Task RunAsync(string models, string model, string image, string mask)
    {
        DirectoryInfo build = new(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)); // .../bin/Release/net10.0
        string sample = Path.Combine(Repository.Root, "samples", "MinimalHost", "bin", build.Parent!.Name, build.Name, "MinimalHost.dll");
        ProcessStartInfo start = new("dotnet", [sample, models, model, image, mask])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process program = Process.Start(start)!;
        Task<string> errors = program.StandardError.ReadToEndAsync();
        string output = await program.StandardOutput.ReadToEndAsync();
        await program.WaitForExitAsync();
        Assert.True(program.ExitCode == 0, output + await errors);
    }
}
