using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Kernels.Tests.Resizing;

public sealed class OpenCvHorizontalTests
{
    [Theory]
    [InlineData(ResizeFilter.Bilinear, 1)]
    [InlineData(ResizeFilter.Bilinear, 19)]
    [InlineData(ResizeFilter.Bicubic, 2)]
    [InlineData(ResizeFilter.Bicubic, 40)]
    public void Run_AnyFilter_MatchesScalar(ResizeFilter filter, int width)
    {
        byte[] row = new byte[(13 * 3) + 1];
        new Random(width).NextBytes(row);
        OpenCvTaps columns = OpenCvTaps.Create(13, width, filter, clampFraction: true);
        int[] expected = new int[(width * 3) + 1], actual = new int[(width * 3) + 1];

        OpenCvHorizontal.Scalar(row, expected, columns, width);
        OpenCvHorizontal.Run(row, actual, columns, width);

        Assert.Equal(expected.AsSpan(0, width * 3), actual.AsSpan(0, width * 3));
    }
}
