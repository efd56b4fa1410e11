using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace DenseCrf.Tests;

/// <summary>The code in README.md is that of samples/DenseCrf, and does what the README says.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Readme_Code_IsThatOfTheSample()
    {
        string readme = Read("README.md").Split("```csharp\n")[1].Split("```")[0], sample = Read("Program.cs");
        const string Using = "using DenseCrf;\n\n";

        Assert.StartsWith(Using, readme, StringComparison.Ordinal);
        Assert.Contains(readme[Using.Length..], sample, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sample_SceneOfTheReadme_HasTheMeanIoUOfTheReadme()
    {
        CrfCase scene = new("c02_160x120_L5");
        float[] probabilities = new float[scene.Energies.Length];
        byte[] likeliest = new byte[scene.Pixels];
        CrfParameters softmax = new() { Kernels = scene.Kernels, Iterations = 0 };
        using CrfWorkspace workspace = new(1L << 30);
        CrfInference.Refine(scene.Input, softmax, workspace, probabilities);
        CrfInference.Label(scene.Input, softmax, workspace, likeliest);

        byte[] refined = await RunAsync(scene, probabilities);

        Assert.Equal(0.84, MeanIoU(scene, likeliest), 0.005);
        Assert.Equal(0.94, MeanIoU(scene, refined), 0.005);
    }

    /// <summary>Runs the sample as the solution builds it.</summary>
    private static async Task<byte[]> RunAsync(CrfCase scene, float[] probabilities)
    {
        // tests/DenseCrf.Tests/bin/Release/net10.0
        DirectoryInfo build = new(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        string root = build.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        string program = Path.Combine(root, "samples", "DenseCrf", "bin", build.Parent.Name, build.Name, "DenseCrfSample.dll");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("dense-crf-sample-");
        string image = Path.Combine(folder.FullName, "rgb"), scores = Path.Combine(folder.FullName, "p");
        string labels = Path.Combine(folder.FullName, "l");
        await File.WriteAllBytesAsync(image, scene.Rgb);
        await File.WriteAllBytesAsync(scores, MemoryMarshal.AsBytes(probabilities.AsSpan()).ToArray());
        string[] sizes = [.. new[] { scene.Width, scene.Height, scene.Labels }.Select(n => n.ToString(CultureInfo.InvariantCulture))];
        using Process process = Process.Start(
            new ProcessStartInfo("dotnet", [program, .. sizes, image, scores, labels]) { RedirectStandardError = true })!;
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, error);
        byte[] made = await File.ReadAllBytesAsync(labels);
        folder.Delete(recursive: true);
        return made;
    }

    private static double MeanIoU(CrfCase scene, byte[] labels) => Enumerable.Range(0, scene.Labels).Average(label =>
    {
        int[] truth = [.. Enumerable.Range(0, scene.Pixels).Where(i => scene.Truth[i] == label)];
        int correct = truth.Count(i => labels[i] == label);
        return (double)correct / (truth.Length + labels.Count(l => l == label) - correct);
    });

    private static string Read(string name) =>
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, name)).ReplaceLineEndings("\n");
}
