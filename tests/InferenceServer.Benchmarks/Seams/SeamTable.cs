using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Preprocessing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Benchmarks.Seams;

/// <summary>Prints how far tiles are from one pass over the whole image, for each way of blending them.</summary>
internal static class SeamTable
{
    /// <summary>Measures one model.</summary>
    /// <param name="models">A folder of models.</param>
    /// <param name="name">The model's name.</param>
    /// <param name="crop">Side of a tile.</param>
    /// <param name="images">Image files.</param>
    public static async Task RunAsync(string models, string name, int crop, IReadOnlyList<string> images)
    {
        using ServiceProvider services = new ServiceCollection()
            .AddSegmentation(new ConfigurationBuilder()
                .AddInMemoryCollection([new("Models:Path", models), new("Onnx:Variant", "Float32")]).Build())
            .BuildServiceProvider();
        LoadedModel model = services.GetRequiredService<ModelRepository>().Load(name, CancellationToken.None);
        Segmenter segmenter = services.GetRequiredService<Segmenter>();
        Dictionary<PassOverrides, (double Labels, double Probabilities, long Runs)> sums = [];
        foreach (string file in images)
        {
            byte[] image = await File.ReadAllBytesAsync(file).ConfigureAwait(false);
            PassOverrides one = new() { Mode = InferenceMode.Whole };
            using SegmentationResult whole = await SegmentAsync(segmenter, name, image, one).ConfigureAwait(false);
            foreach (PassOverrides way in Ways(crop))
            {
                using SegmentationResult tiled = await SegmentAsync(segmenter, name, image, way).ConfigureAwait(false);
                PassPlan plan = model.Preprocessor.Plan(tiled.Mask.Size, PassSettings.Create(model.Manifest, way));
                (double labels, double probabilities, long runs) = sums.GetValueOrDefault(way);
                sums[way] = (labels + Unlike(whole, tiled), probabilities + Difference(whole, tiled), runs + plan.Runs);
            }
        }

        foreach ((PassOverrides way, (double labels, double probabilities, long runs)) in sums)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {name}, {crop} | {way.Blend.ToString()!.ToLowerInvariant()} | {way.Halo} | {(double)runs / images.Count:F0} | " +
                $"{100 * labels / images.Count:F2} | {100 * probabilities / images.Count:F3} |"));
        }
    }

    // Tiles touch, overlap by a third, or lose a sixteenth, an eighth or a quarter on each side.
    private static IEnumerable<PassOverrides> Ways(int crop)
    {
        PassOverrides tiles = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(crop, crop), StrideRate = 1, Halo = 0 };
        yield return tiles with { Blend = BlendMode.Uniform };
        foreach (BlendMode blend in Enum.GetValues<BlendMode>())
        {
            yield return tiles with { Blend = blend, StrideRate = 2.0 / 3 };
        }

        foreach (int halo in (int[])[crop / 16, crop / 8, crop / 4])
        {
            yield return tiles with { Blend = BlendMode.Uniform, Halo = halo };
        }
    }

    private static async Task<SegmentationResult> SegmentAsync(
        Segmenter segmenter, string model, byte[] image, PassOverrides passes)
    {
        using AdmittedRequest admitted = segmenter.Admit(model, CancellationToken.None);
        SegmentSettings settings = new() { Passes = passes, Refine = false };
        SegmentationRequest request = new() { Image = image, Settings = settings, WithProbabilities = true };
        return await segmenter.SegmentAsync(admitted, request).ConfigureAwait(false);
    }

    private static double Unlike(SegmentationResult whole, SegmentationResult tiled)
    {
        ReadOnlySpan<byte> a = whole.Mask.Labels.Span, b = tiled.Mask.Labels.Span;
        int unlike = 0;
        for (int i = 0; i < a.Length; i++)
        {
            if (a[i] != b[i])
            {
                unlike++;
            }
        }

        return (double)unlike / a.Length;
    }

    private static double Difference(SegmentationResult whole, SegmentationResult tiled)
    {
        ReadOnlySpan<float> a = whole.Mask.Probabilities.Span, b = tiled.Mask.Probabilities.Span;
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += Math.Abs(a[i] - b[i]);
        }

        return sum / a.Length;
    }
}
