using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Upsampling;

public sealed class AxisTapsTests
{
    [Theory]
    [InlineData(480, 480, 480, 0, 120, false)]
    [InlineData(480, 480, 480, 0, 61, true)]
    [InlineData(333, 500, 512, 6, 128, false)]
    [InlineData(1000, 500, 513, 0, 65, true)]
    [InlineData(5, 1, 1, 0, 1, true)]
    [InlineData(7, 3, 32, 29, 4, false)]
    public void Create_AnyGeometry_MatchesTheFormula(int image, int resized, int input, int offset, int grid, bool alignCorners)
    {
        AxisTaps taps = AxisTaps.Create(image, resized, input, offset, grid, alignCorners);

        Assert.Equal(image, taps.Count);
        for (int x = 0; x < image; x++)
        {
            double p = Math.Clamp(((x + 0.5) * resized / image) - 0.5, 0, resized - 1) + offset;
            double q = alignCorners ? p * (grid - 1) / Math.Max(input - 1, 1) : Math.Clamp(((p + 0.5) * grid / input) - 0.5, 0, grid - 1);
            Assert.InRange(taps.Lower[x], 0, grid - 1);
            Assert.Equal(q, taps.Lower[x] + (double)taps.Fractions[x], 1e-6);
        }
    }

    [Theory]
    [InlineData(64, 32, 32, 0)]
    [InlineData(64, 32, 48, 5)]
    public void Create_GridTwiceTheInput_LandsOnGridPoints(int image, int resized, int input, int offset)
    {
        AxisTaps taps = AxisTaps.Create(image, resized, input, offset, 2 * input, alignCorners: false);

        Assert.Equal(Enumerable.Range(2 * offset, image), taps.Lower.ToArray());
        Assert.All(taps.Fractions.ToArray(), fraction => Assert.Equal(0, fraction));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Create_SameLengths_IsTheIdentity(bool alignCorners)
    {
        AxisTaps taps = AxisTaps.Create(97, 97, 97, 0, 97, alignCorners);

        Assert.True(taps.IsShift);
        Assert.Equal(taps.Grid, taps.Count);
        Assert.Equal(Enumerable.Range(0, 97), taps.Lower.ToArray());
    }

    [Fact]
    public void Create_CroppedPadding_IsAShiftButNoIdentity()
    {
        AxisTaps taps = AxisTaps.Create(90, 90, 97, 3, 97, alignCorners: false);

        Assert.True(taps.IsShift);
        Assert.NotEqual(taps.Grid, taps.Count);
        Assert.Equal(3, taps.Lower[0]);
    }

    [Fact]
    public void Slice_OfAnAxis_KeepsItsTaps()
    {
        AxisTaps whole = AxisTaps.Create(40, 40, 40, 0, 10, alignCorners: false);
        AxisTaps part = whole.Slice(8, 20).Slice(2, 10);

        Assert.Equal(10, part.Count);
        Assert.Equal(whole.Lower.Slice(10, 10), part.Lower);
        Assert.Equal(whole.Fractions.Slice(10, 10), part.Fractions);
    }

    [Theory]
    [InlineData(0, 4, 4, 0, 4)]
    [InlineData(4, 4, 4, 1, 4)]
    [InlineData(4, 4, 4, 0, 0)]
    [InlineData(4, 4, 8, -1, 4)]
    public void Create_ImpossibleGeometry_Throws(int image, int resized, int input, int offset, int grid) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => AxisTaps.Create(image, resized, input, offset, grid, false));

    /// <summary>A longer input whose end is cropped gives the same positions as the shorter input.</summary>
    [Theory]
    [InlineData(48, 48, 48, 64, 4, false)]
    [InlineData(50, 46, 48, 128, 8, false)]
    [InlineData(33, 33, 33, 65, 8, true)]
    public void Create_GridPartlyCovered_EqualsTheShorterGrid(
        int image, int resized, int input, int bucket, int stride, bool alignCorners)
    {
        int Grid(int length) => alignCorners ? ((length - 1) / stride) + 1 : length / stride;
        AxisTaps alone = AxisTaps.Create(image, resized, input, 0, Grid(input), alignCorners);
        AxisTile whole = AxisTile.Whole(image, resized);
        AxisTaps cropped = AxisTaps.Create(image, resized, whole, bucket, 0, Grid(bucket), alignCorners, Grid(input));

        Assert.Equal(alone.Lower.ToArray(), cropped.Lower.ToArray());
        Assert.Equal(alone.Fractions.ToArray(), cropped.Fractions.ToArray());
        Assert.Equal(Grid(bucket), cropped.Grid);
    }
}
