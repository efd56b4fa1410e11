using InferenceServer.Kernels;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Tests.Models;

namespace InferenceServer.Runtime.Tests.Passes;

/// <summary>What must hold whatever the image: no seams, no left and right, and a tile that holds all of it is no
/// tile.</summary>
public sealed class ModesTests : IDisposable
{
    private readonly TestRuntime _models = new(Path.Combine(ModesCase.Folder, "models"));
    private readonly TestRuntime _tiny = new(Assets.Models);

    public static TheoryData<FuseMode> Fuses => [.. Enum.GetValues<FuseMode>()];

    public void Dispose()
    {
        _models.Dispose();
        _tiny.Dispose();
    }

    [Theory, MemberData(nameof(Fuses))]
    public async Task SegmentAsync_ConstantPhotograph_HasAConstantResult(FuseMode fuse)
    {
        // Each pixel of this network's output sees only its own block, so nothing but a seam could tell two of them apart.
        byte[] photo = Photo.Png(new ImageSize(83, 61), (_, _) => (90, 130, 110));
        PassOverrides passes = new()
        {
            Mode = InferenceMode.Slide,
            Crop = new ImageSize(20, 16),
            Scales = [0.75, 1, 1.5],
            Flip = true,
            Fuse = fuse,
        };
        using SegmentationResult result = await SegmentAsync(
            _tiny, "tiny", new() { Image = photo, Settings = new() { Passes = passes }, WithConfidence = true });
        Assert.Equal([1], result.Mask.Labels.ToArray().Distinct());
        Assert.Single(result.Mask.Confidence.ToArray().Distinct());
    }

    [Theory]
    [InlineData("full", 1)]
    [InlineData("coarse", 1)]
    [InlineData("resized", 1)]
    [InlineData("binary", 0.75)]
    public async Task SegmentAsync_CropThatHoldsThePhotograph_IsWhole(string model, double scale)
    {
        SegmentationRequest whole = new()
        {
            Image = ModesCase.All[0].Image,
            WithProbabilities = true,
            Settings = new() { Passes = new() { Scales = [scale] } },
        };
        using SegmentationResult expected = await SegmentAsync(_models, model, whole);
        using SegmentationResult actual = await SegmentAsync(
            _models, model,
            whole with
            {
                Settings = new()
                {
                    Passes = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(64, 64), Scales = [scale] },
                },
            });
        Assert.Equal(expected.Mask.Labels.ToArray(), actual.Mask.Labels.ToArray());
        Assert.Equal(expected.Mask.Probabilities.ToArray(), actual.Mask.Probabilities.ToArray());
    }

    [Theory]
    [InlineData(InferenceMode.Whole, 61)]
    // 24 + 2 × 16: the last tile ends where the image does, so tiles lie symmetrically, too.
    [InlineData(InferenceMode.Slide, 56)]
    public async Task SegmentAsync_FlippedOfASymmetricPhotograph_IsSymmetric(InferenceMode mode, int width)
    {
        byte[] photo =
            Photo.Png(
                new ImageSize(width, 40),
                (x, y) =>
                    ((byte)(Math.Min(x, width - 1 - x) * 9), (byte)(y * 6), (byte)(Math.Min(x, width - 1 - x) * y)));
        PassOverrides passes = new() { Mode = mode, Crop = new ImageSize(24, 24), Flip = true };
        using SegmentationResult result = await SegmentAsync(
            _models, "full", new() { Image = photo, Settings = new() { Passes = passes }, WithProbabilities = true });
        ReadOnlySpan<float> probabilities = result.Mask.Probabilities.Span;
        for (int i = 0; i < probabilities.Length; i++)
        {
            Assert.Equal(probabilities[i], probabilities[(i / width * width) + width - 1 - (i % width)], 1e-5);
        }
    }

    [Fact]
    public async Task SegmentAsync_AFewTilesInFlight_ChangesNothing()
    {
        ModesCase golden = ModesCase.All.Single(c => c.Name.StartsWith("13", StringComparison.Ordinal));
        foreach (string tiles in (string[])["1", "2", "50"])
        {
            using TestRuntime runtime = new(
                Path.Combine(ModesCase.Folder, "models"), ("Inference:TilesInFlight", tiles),
                ("Batching:MaxBatchSize", "4"));
            using SegmentationResult result = await SegmentAsync(
                runtime, golden.Model, new() { Image = golden.Image, Settings = new() { Passes = golden.Wanted } });
            Assert.Equal(golden.Labels, result.Mask.Labels.ToArray());
        }
    }

    [Fact]
    public async Task SegmentAsync_SidewaysPhotograph_IsPlannedUpright()
    {
        byte[] photo = Assets.Image("orientation-6.jpg");
        PassOverrides passes = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(16, 16) };
        using SegmentationResult expected = await SegmentAsync(_tiny, "tiny", new() { Image = photo });
        using SegmentationResult actual = await SegmentAsync(_tiny, "tiny", new() { Image = photo, Settings = new() { Passes = passes } });
        Assert.Equal(expected.Mask.Size, actual.Mask.Size);
    }

    [Fact]
    public async Task SegmentAsync_FixedGraph_TakesAnyPhotographInTiles()
    {
        byte[] photo = Photo.Png(new ImageSize(150, 70), (x, _) => x < 75 ? ((byte)200, (byte)0, (byte)0) : ((byte)0, (byte)0, (byte)200));
        PassOverrides passes = new() { Mode = InferenceMode.Slide, KeepSize = true };
        using SegmentationResult result = await SegmentAsync(
            _tiny, "tiny-fixed", new() { Image = photo, Settings = new() { Passes = passes } });
        Assert.Equal(
            Enumerable.Range(0, 150 * 70)
                .Where(i => i % 150 is < 73 or > 77)
                .Select(i => i % 150 < 75 ? (byte)0 : (byte)2),
            result.Mask.Labels.ToArray().Where((_, i) => i % 150 is < 73 or > 77));
    }

    [Fact]
    public async Task SegmentAsync_ManifestThatSlides_NeedsNoWordFromTheRequest()
    {
        using ModelsFolder folder = new();
        folder.Add("tiny-fixed", 1);
        folder.EditManifest("tiny-fixed", "\"exact\"", "\"none\"");
        folder.EditManifest(
            "tiny-fixed", "\"classes\"",
            "\"inference\": {\"mode\": \"slide\", \"flip\": true, \"scales\": [0.5, 1]}, \"classes\"");
        string text = File.ReadAllText(folder.Combine("tiny-fixed", "model.json"));
        File.WriteAllText(
            folder.Combine("tiny-fixed", "model.json"),
            System.Text.RegularExpressions.Regex.Replace(text, "\"none\",\\s*\"size\": \\[[^]]*\\],", "\"none\","));
        using TestRuntime runtime = new(folder.Path);
        byte[] photo = Photo.Png(new ImageSize(150, 30), (_, _) => (0, 200, 0));

        using SegmentationResult result = await SegmentAsync(runtime, "tiny-fixed", new() { Image = photo });
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            SegmentAsync(
                runtime, "tiny-fixed",
                new() { Image = photo, Settings = new() { Passes = new() { Mode = InferenceMode.Whole } } }));

        Assert.Equal([1], result.Mask.Labels.ToArray().Distinct());
        Assert.Contains("mode=slide", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SegmentAsync_CancelledBetweenTiles_LeavesNothingBehind()
    {
        using CancellationTokenSource caller = new();
        using (AdmittedRequest admitted = _models.Segmenter.Admit("full", caller.Token))
        {
            ValueTask<SegmentationResult> running = _models.Segmenter.SegmentAsync(admitted, new()
            {
                Image = Photo.Png(new ImageSize(400, 400), (_, _) => (0, 0, 0)),
                Settings = new() { Passes = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(16, 16) } },
            });
            await caller.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(running.AsTask);
        }

        Assert.Equal(0, _models.Get<InFlightLimits>().Requests);
        Assert.Equal(0, _models.Get<InFlightLimits>().Pixels);
        Assert.Equal(0, _models.Repository.Entry("full").Model!.Scheduler.Backlog.Count);
    }

    private static async Task<SegmentationResult> SegmentAsync(TestRuntime runtime, string model, SegmentationRequest request)
    {
        using AdmittedRequest admitted = runtime.Segmenter.Admit(model, CancellationToken.None);
        return await runtime.Segmenter.SegmentAsync(admitted, request);
    }
}
