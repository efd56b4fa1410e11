namespace DenseCrf.Tests;

/// <summary>The code in README.md compiles, runs, and does what the README says.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Readme_Code_IsTheSample()
    {
        string[] readme = Between(ReadLines("README.md"), "```csharp", "```");
        string[] sample = Between(ReadLines("ReadmeTests.cs"), "        // <sample>", "        // </sample>");

        Assert.Equal(["using DenseCrf;", "", .. sample.Select(line => line.Length < 8 ? line : line[8..])], readme);
    }

    [Fact]
    public void Sample_SceneOfTheReadme_HasTheMeanIoUOfTheReadme()
    {
        CrfCase scene = new("c02_160x120_L5");
        float[] probabilities = new float[scene.Energies.Length];
        byte[] likeliest = new byte[scene.Pixels];
        CrfParameters softmax = new() { Kernels = scene.Kernels, Iterations = 0 };
        using CrfWorkspace workspace = new(1L << 30);
        CrfInference.Refine(scene.Input, softmax, workspace, probabilities);
        CrfInference.Label(scene.Input, softmax, workspace, likeliest);

        byte[] refined = Sample(scene.Rgb, probabilities, scene.Width, scene.Height, scene.Labels);

        Assert.Equal(0.84, MeanIoU(scene, likeliest), 0.005);
        Assert.Equal(0.94, MeanIoU(scene, refined), 0.005);
    }

    private static byte[] Sample(byte[] rgb, float[] probabilities, int width, int height, int labels)
    {
        // <sample>
        // rgb: the image, height × width × 3 bytes. probabilities: labels × height × width, as a softmax returns them.
        CrfInput input = CrfInput.FromProbabilities(probabilities, rgb, width, height, labels);
        CrfParameters parameters = new()
        {
            Kernels = [CrfKernel.Gaussian(weight: 3, xy: 3), CrfKernel.Bilateral(weight: 10, xy: 80, rgb: 13)],
            Iterations = 10,
            Threads = 2,
        };
        using CrfWorkspace workspace = new(maxBytes: 1L << 30);   // keep it for the next image: only the first call allocates
        byte[] labelMap = new byte[width * height];
        CrfInference.Label(input, parameters, workspace, labelMap);
        // </sample>
        return labelMap;
    }

    private static double MeanIoU(CrfCase scene, byte[] labels) => Enumerable.Range(0, scene.Labels).Average(label =>
    {
        int[] truth = [.. Enumerable.Range(0, scene.Pixels).Where(i => scene.Truth[i] == label)];
        int correct = truth.Count(i => labels[i] == label);
        return (double)correct / (truth.Length + labels.Count(l => l == label) - correct);
    });

    private static string[] ReadLines(string name) => File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, name));

    private static string[] Between(string[] lines, string first, string last)
    {
        int start = Array.IndexOf(lines, first) + 1;
        return lines[start..Array.IndexOf(lines, last, start)];
    }
}
