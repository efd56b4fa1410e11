using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime.Tests.Passes;

/// <summary>Tiles, scales and mirroring against plain PyTorch; tests/assets/make_modes_goldens.py writes the passes out.</summary>
public sealed class ModesGoldenTests(ModesGoldenTests.Models models) : IClassFixture<ModesGoldenTests.Models>
{
    private const double Tolerance = 3e-5;

    public static TheoryData<string> Cases => [.. ModesCase.All.Select(c => c.Name)];

    [Theory, MemberData(nameof(Cases))]
    public async Task SegmentAsync_Passes_AreThoseOfPyTorch(string name)
    {
        ModesCase golden = ModesCase.All.Single(c => c.Name == name);
        SegmentationRequest request = new() { Image = golden.Image, Settings = new() { Passes = golden.Wanted } };

        using SegmentationResult banded = await SegmentAsync(golden.Model, request);
        using SegmentationResult kept = await SegmentAsync(golden.Model, request with { WithImage = true, WithProbabilities = true });

        Assert.Equal(golden.Labels, banded.Mask.Labels.ToArray());
        Assert.Equal(golden.Labels, kept.Mask.Labels.ToArray());
        ushort[] expected = golden.Probabilities;
        Assert.Equal(expected.Length, kept.Mask.Probabilities.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((expected[i] / 65535.0) - kept.Mask.Probabilities.Span[i]);
            Assert.True(
                difference <= Tolerance,
                $"Class {i / golden.Labels.Length}, pixel {i % golden.Labels.Length}: expected " +
                $"{expected[i] / 65535.0}, got {kept.Mask.Probabilities.Span[i]}.");
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task SegmentAsync_Confidence_IsTheWinnersProbability(string name)
    {
        ModesCase golden = ModesCase.All.Single(c => c.Name == name);
        using SegmentationResult result = await SegmentAsync(
            golden.Model,
            new() { Image = golden.Image, Settings = new() { Passes = golden.Wanted }, WithConfidence = true });
        ushort[] probabilities = golden.Probabilities;
        int pixels = result.Mask.Confidence.Length;
        for (int i = 0; i < pixels; i++)
        {
            double best = Enumerable.Range(0, probabilities.Length / pixels).Max(c => probabilities[(c * pixels) + i]) / 65535.0;
            Assert.Equal(best * 255, result.Mask.Confidence.Span[i], 0.51);
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task SegmentAsync_Refined_StartsFromTheFusedProbabilities(string name)
    {
        ModesCase golden = ModesCase.All.Single(c => c.Name == name);
        CrfOverrides crf = new() { Iterations = 3, GaussianWeight = 2, BilateralWeight = 1, BilateralXy = 10, BilateralRgb = 20 };
        SegmentationRequest request = new() { Image = golden.Image, Settings = new() { Passes = golden.Wanted } };
        using SegmentationResult fused = await SegmentAsync(golden.Model, request with { WithImage = true, WithProbabilities = true });
        using Mask expected = await models.Runtime.Segmenter.RefineAsync(fused, crf, CancellationToken.None);

        using SegmentationResult refined = await SegmentAsync(
            golden.Model, request with { Settings = request.Settings with { Refine = true, Crf = crf } });

        Assert.Equal(expected.Labels.ToArray(), refined.Mask.Labels.ToArray());
    }

    private async Task<SegmentationResult> SegmentAsync(string model, SegmentationRequest request)
    {
        using AdmittedRequest admitted = models.Runtime.Segmenter.Admit(model, CancellationToken.None);
        return await models.Runtime.Segmenter.SegmentAsync(admitted, request);
    }

    public sealed class Models : IDisposable
    {
        internal TestRuntime Runtime { get; } = new(Path.Combine(ModesCase.Folder, "models"));

        public void Dispose() => Runtime.Dispose();
    }
}
