using System.Globalization;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Runtime.Tests.Formats;

public sealed class GeotransformTests
{
    [Fact]
    public void FromWorldFile_MiddleOfThePixel_IsTheSameAsGdal()
    {
        Geotransform? gdal = Geotransform.FromGdal([440720, 60, 0, 3751320, 0, -60]);
        Geotransform? world = Geotransform.FromWorldFile([60, 0, 0, -60, 440750, 3751290]);

        Assert.Equal(gdal, world);
        Assert.Equal((440780, 3751200), gdal!.Value.Apply(1, 2));
        Assert.True(gdal.Value.Mirrors);
    }

    [Theory]
    [InlineData("1 2 3")]
    [InlineData("0 1 0 0 1 0")]
    [InlineData("0 1 0 0 0 NaN")]
    [InlineData("Infinity 1 0 0 0 1")]
    [InlineData("0 1e308 0 0 0 1e-300")] // an area, and yet its corners are infinitely far
    [InlineData("2e15 1 0 0 0 1")]
    public void FromGdal_NoMapOfAnArea_IsNull(string numbers)
    {
        Assert.Null(Geotransform.FromGdal([.. numbers.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture))]));
        Assert.False(Geotransform.Pixels.Mirrors);
    }
}
