using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Upsampling;

public sealed class AxisTileTests
{
    [Theory]
    [InlineData(61, 61)]
    [InlineData(61, 46)]
    [InlineData(61, 76)]
    [InlineData(10_000, 12_500)]
    [InlineData(7, 300)]
    public void Create_TilesThatTouch_CoverEveryPixelOnce(int image, int resized)
    {
        for (int crop = 1; crop <= resized; crop = (crop * 3) + 1)
        {
            int next = 0;
            for (int start = 0; start < resized; start += crop)
            {
                AxisTile tile = AxisTile.Create(image, resized, start, Math.Min(crop, resized - start));
                Assert.Equal(next, tile.First);
                next += tile.Count;
            }

            Assert.Equal(image, next);
        }
    }

    [Fact]
    public void Taps_OfATile_AreThoseOfTheWholeImage()
    {
        AxisTaps whole = AxisTaps.Create(40, 40, 40, 0, 40, alignCorners: false);
        AxisTaps tile = AxisTaps.Create(40, 40, AxisTile.Create(40, 40, 12, 16), 16, 0, 16, alignCorners: false);
        Assert.True(tile.IsShift);
        Assert.Equal(tile.Grid, tile.Count);
        Assert.Equal(whole.Lower.Slice(12, 16).ToArray(), tile.Lower.ToArray().Select(x => x + 12));
    }

    [Fact]
    public void Create_TileOutsideOfTheResizedImage_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => AxisTile.Create(40, 40, 30, 16));
}
