using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Kernels.Tests.Labels;

public sealed class NearestLabelsTests
{
    [Theory]
    [InlineData(12, 9, 48, 36)]
    [InlineData(12, 9, 5, 4)]
    [InlineData(7, 7, 7, 7)]
    [InlineData(4, 3, 6, 5)]
    public void Resize_AnyScale_MatchesNearestExact(int gridWidth, int gridHeight, int width, int height)
    {
        ImageSize grid = new(gridWidth, gridHeight);
        byte[] labels = new byte[grid.Pixels], output = new byte[width * height];
        new Random(1).NextBytes(labels);
        AxisTaps rows = AxisTaps.Create(height, height, height, 0, gridHeight, false);
        AxisTaps columns = AxisTaps.Create(width, width, width, 0, gridWidth, false);

        ushort[] wide = [.. labels.Select(label => (ushort)(label * 257))], wideOutput = new ushort[output.Length];

        NearestLabels.Resize(labels, grid, rows, columns, output);
        NearestLabels.Resize(wide, grid, rows, columns, wideOutput);

        for (int i = 0; i < output.Length; i++)
        {
            int y = (int)Math.Floor(((i / width) + 0.5) * gridHeight / height);
            int x = (int)Math.Floor(((i % width) + 0.5) * gridWidth / width);
            Assert.Equal(labels[(y * gridWidth) + x], output[i]);
            Assert.Equal(wide[(y * gridWidth) + x], wideOutput[i]);
        }
    }
}
