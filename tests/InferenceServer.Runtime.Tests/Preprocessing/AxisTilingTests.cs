using InferenceServer.Kernels;
using InferenceServer.Kernels.Upsampling;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Tests.Preprocessing;

public sealed class AxisTilingTests
{
    public static TheoryData<BlendMode> Blends => [.. Enum.GetValues<BlendMode>()];

    [Theory, MemberData(nameof(Blends))]
    public void Weights_AnySize_SumToTheShareAtEveryPixel(BlendMode blend)
    {
        Random random = new(15);
        for (int i = 0; i < 2000; i++)
        {
            int pixels = random.Next(1, 400), image = random.Next(1, 400), crop = random.Next(1, 100);
            PassSettings settings = Settings(crop, Math.Max(random.NextDouble(), 0.01), blend, random.Next((crop + 1) / 2));
            AxisTiling tiling = AxisTiling.Create(pixels, image, crop, settings, 0.25);
            double[] sums = new double[pixels];
            foreach (AxisTile tile in tiling.Tiles)
            {
                using PooledBuffer<float> weights = tiling.Weights(tile);
                for (int x = 0; x < tile.Count; x++)
                {
                    Assert.InRange(weights.Span[x], float.Epsilon, 0.25f);
                    sums[tile.First + x] += weights.Span[x];
                }
            }

            Assert.All(sums, sum => Assert.Equal(0.25, sum, 1e-6));
        }
    }

    [Fact]
    public void Create_Halo_IsCutFromInnerSidesOnly()
    {
        AxisTiling tiling = AxisTiling.Create(100, 100, 40, Settings(40, 1, BlendMode.Uniform, 5), 1);

        Assert.Equal([new AxisTile(0, 35, 0, 40), new AxisTile(35, 30, 30, 40), new AxisTile(65, 35, 60, 40)], tiling.Tiles);
    }

    [Fact]
    public void Create_AxisThatFitsTheCrop_LosesNoHalo()
    {
        AxisTiling tiling = AxisTiling.Create(60, 30, 40, Settings(40, 1, BlendMode.Hann, 19), 1);

        Assert.Equal([new AxisTile(0, 60, 0, 30)], tiling.Tiles);
    }

    [Fact]
    public void Weights_OfWindows_AreTheirFormulas()
    {
        // Two tiles of 8 pixels, 4 apart: pixel 5 is 1.5 from the middle of the first and 2.5 from that of the second.
        using PooledBuffer<float> hann = Middle(BlendMode.Hann), gaussian = Middle(BlendMode.Gaussian);

        double near = Math.Pow(Math.Cos(Math.PI * 1.5 / 8), 2), far = Math.Pow(Math.Cos(Math.PI * 2.5 / 8), 2);
        Assert.Equal(near / (near + far), hann.Span[5], 1e-6);
        (near, far) = (Math.Exp(-0.5 * 1.5 * 1.5), Math.Exp(-0.5 * 2.5 * 2.5));
        Assert.Equal(near / (near + far), gaussian.Span[5], 1e-6);
        Assert.Equal(1, hann.Span[0]);

        static PooledBuffer<float> Middle(BlendMode blend)
        {
            AxisTiling tiling = AxisTiling.Create(12, 12, 8, Settings(8, 0.5, blend, 0), 1);
            return tiling.Weights(tiling.Tiles[0]);
        }
    }

    private static PassSettings Settings(int crop, double strideRate, BlendMode blend, int halo) => new(
        InferenceMode.Slide, KeepSize: false, new ImageSize(crop, crop), strideRate, [1], Flip: false, FuseMode.MeanSoftmax, blend, halo);
}
