using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;

namespace InferenceServer.Runtime.Tests.Passes;

/// <summary>Tiles of the network that tests/assets/make_seam_model.py makes: a score depends on 7 pixels to each side, and
/// every sum is exact.</summary>
public sealed class SeamTests : IDisposable
{
    private const int Reach = 7;
    private readonly TestRuntime _models = new(Path.Combine(ModesCase.Folder, "models"));

    public static TheoryData<BlendMode> Blends => [.. Enum.GetValues<BlendMode>()];

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData(FuseMode.SumLogits, 0)]
    [InlineData(FuseMode.MaxLogits, 0)]
    [InlineData(FuseMode.MeanSoftmax, 1e-6)]
    public async Task SegmentAsync_HaloOfTheReceptiveField_IsTheWholeImage(FuseMode fuse, double tolerance)
    {
        PassOverrides tiles = Tiles(1) with { Halo = Reach, Fuse = fuse };

        (int labels, double scores) = await DifferenceAsync(tiles);

        Assert.Equal(0, labels);
        Assert.InRange(scores, 0, tolerance);
    }

    [Theory, MemberData(nameof(Blends))]
    public async Task SegmentAsync_HaloAndBlend_IsTheWholeImage(BlendMode blend)
    {
        (int labels, double scores) = await DifferenceAsync(Tiles(0.4) with { Halo = Reach, Blend = blend });

        Assert.Equal(0, labels);
        Assert.InRange(scores, 0, 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Reach - 1)]
    public async Task SegmentAsync_HaloWithinTheReceptiveField_LeavesSeams(int halo)
    {
        (_, double scores) = await DifferenceAsync(Tiles(1) with { Halo = halo, Fuse = FuseMode.SumLogits });

        Assert.InRange(scores, 1e-4, 1);
    }

    [Theory, MemberData(nameof(Blends))]
    public async Task SegmentAsync_Blend_IsNoFartherThanTilesThatTouch(BlendMode blend)
    {
        (int touching, _) = await DifferenceAsync(Tiles(1));

        (int labels, _) = await DifferenceAsync(Tiles(0.5) with { Blend = blend });

        Assert.InRange(labels, 1, touching - 1);
    }

    private static PassOverrides Tiles(double strideRate) => new()
    {
        Mode = InferenceMode.Slide,
        Crop = new ImageSize(40, 32),
        StrideRate = strideRate,
    };

    // The number of labels that differ, and the largest difference of a probability.
    private async Task<(int Labels, double Probabilities)> DifferenceAsync(PassOverrides tiles)
    {
        Random random = new(3);
        byte[] photo = Photo.Png(new ImageSize(150, 111), (x, y) => ((byte)(x * y / 9), (byte)random.Next(256), (byte)(128 + (x - y))));
        SegmentationRequest request = new() { Image = photo, WithProbabilities = true };
        using SegmentationResult whole = await SegmentAsync(request);
        using SegmentationResult tiled = await SegmentAsync(request with { Settings = new() { Passes = tiles } });
        byte[] expected = whole.Mask.Labels.ToArray();
        Assert.Equal(4, expected.Distinct().Count());
        float[] probabilities = whole.Mask.Probabilities.ToArray();
        return (
            expected.Zip(tiled.Mask.Labels.ToArray()).Count(pair => pair.First != pair.Second),
            probabilities.Zip(tiled.Mask.Probabilities.ToArray()).Max(pair => Math.Abs(pair.First - pair.Second)));
    }

    private async Task<SegmentationResult> SegmentAsync(SegmentationRequest request)
    {
        using AdmittedRequest admitted = _models.Segmenter.Admit("exact", CancellationToken.None);
        return await _models.Segmenter.SegmentAsync(admitted, request);
    }
}
