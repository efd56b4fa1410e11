using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;

namespace InferenceServer.Runtime.Tests.Passes;

public sealed class InferenceModesTests : IDisposable
{
    private readonly TestRuntime _runtime = new(Assets.Models, ("Inference:MaxScales", "3"), ("Inference:MaxInputPixels", "20000"));

    public static TheoryData<string, PassOverrides, string> Refused => new()
    {
        { "tiny", new() { Scales = [] }, "scales: expected 1 to 3 scales" },
        { "tiny", new() { Scales = [1, 1, 1, 1] }, "scales: expected 1 to 3 scales" },
        { "tiny", new() { Scales = [0.2] }, "scales: expected 0.25 to 2, got 0.2" },
        { "tiny", new() { Scales = [double.NaN] }, "scales" },
        { "tiny", new() { StrideRate = 0 }, "stride_rate" },
        { "tiny", new() { StrideRate = 1.1 }, "stride_rate" },
        { "tiny", new() { Crop = new ImageSize(0, 5) }, "crop" },
        { "tiny", new() { Crop = new ImageSize(5, 20000) }, "crop" },
        { "tiny", new() { Crop = new ImageSize(64, 32), Halo = 16 }, "less than half of the crop of 64×32, got 16" },
        { "tiny", new() { Halo = -1 }, "halo: expected 0 or more" },
        { "tiny-fixed", new() { Crop = new ImageSize(32, 32) }, "crop: expected 64×64" },
        { "tiny-fixed", new() { KeepSize = true }, "mode=slide" },
        { "tiny-fixed", new() { Scales = [2] }, "mode=slide" },
        { "tiny-labels", new() { Flip = true }, "ends in labels" },
        { "tiny-labels", new() { Mode = InferenceMode.Slide }, "ends in labels" },
        { "tiny-probabilities", new() { Flip = true, Fuse = FuseMode.MaxLogits }, "fuse" },
    };

    public void Dispose() => _runtime.Dispose();

    [Theory, MemberData(nameof(Refused))]
    public async Task SegmentAsync_PassesThatCannotBe_AreRefused(string model, PassOverrides passes, string reason)
    {
        SegmentationException e = await RefusalAsync(model, new ImageSize(90, 70), passes);
        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.001)]
    [InlineData(0.5)]
    public async Task SegmentAsync_TooMuchWork_IsRefused(double strideRate)
    {
        SegmentationException e = await RefusalAsync(
            "tiny", new ImageSize(400, 300),
            new() { Mode = InferenceMode.Slide, Crop = new ImageSize(64, 64), StrideRate = strideRate });
        Assert.Equal(SegmentationError.TooManyPixels, e.Error);
        Assert.Contains("at most 20,000", e.Message, StringComparison.Ordinal);
    }

    /// <summary>One pass is as much work as several, where a request decides how large it is.</summary>
    [Fact]
    public async Task SegmentAsync_OnePassLargerThanTheManifests_IsHeldToTheSameLimit()
    {
        SegmentationException tile = await RefusalAsync(
            "tiny", new ImageSize(400, 300),
            new() { Mode = InferenceMode.Slide, KeepSize = true, Crop = new ImageSize(512, 512) });
        SegmentationException scale = await RefusalAsync("tiny", new ImageSize(90, 70), new() { KeepSize = true, Scales = [2] });
        Assert.Equal((SegmentationError.TooManyPixels, SegmentationError.TooManyPixels), (tile.Error, scale.Error));
    }

    [Fact]
    public async Task SegmentAsync_RefinementOfTooManyScores_IsRefused()
    {
        using TestRuntime runtime = new(Assets.Models, ("Inference:MaxBytes", "1048576"));
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        SegmentationRequest request = new()
        {
            Image = Photo.Png(new ImageSize(400, 300), (_, _) => default),
            Settings = new() { Refine = true },
        };
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync(admitted, request).AsTask());
        Assert.Equal(SegmentationError.TooManyPixels, e.Error);
    }

    [Fact]
    public async Task SegmentAsync_TooManyScoresAtOnce_IsRefused()
    {
        using TestRuntime runtime = new(Assets.Models, ("Inference:MaxBytes", "1048576"));
        byte[] photo = Photo.Png(new ImageSize(400, 300), (_, _) => default);
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        SegmentationRequest flip = new() { Image = photo, Settings = new() { Passes = new() { Flip = true } } };
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Segmenter.SegmentAsync(admitted, flip).AsTask());
        Assert.Equal(SegmentationError.TooManyPixels, e.Error);

        SegmentationRequest slide = new()
        {
            Image = photo,
            Settings = new() { Passes = new() { Mode = InferenceMode.Slide, Crop = new ImageSize(64, 64) } },
        };
        using SegmentationResult result = await runtime.Segmenter.SegmentAsync(admitted, slide);
        Assert.Equal(new ImageSize(400, 300), result.Mask.Size);
    }

    private async Task<SegmentationException> RefusalAsync(string model, ImageSize photo, PassOverrides passes)
    {
        using AdmittedRequest admitted = _runtime.Segmenter.Admit(model, CancellationToken.None);
        SegmentationRequest request = new() { Image = Photo.Png(photo, (_, _) => default), Settings = new() { Passes = passes } };
        return await Assert.ThrowsAsync<SegmentationException>(() => _runtime.Segmenter.SegmentAsync(admitted, request).AsTask());
    }
}
