using System.Text.Json;
using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Kernels.Tests.Resizing;

public sealed class PlaneResizerTests
{
    private static readonly Golden[] Goldens =
        JsonSerializer.Deserialize<Golden[]>(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "assets", "resize", "planes.json")))!;

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, Goldens.Length)];

    [Theory, MemberData(nameof(Cases))]
    public void Resize_Floats_EqualsPillowAndOpenCv(int index)
    {
        Golden golden = Goldens[index];
        ResizeFilter filter = Enum.Parse<ResizeFilter>(golden.Filter);
        (ImageSize source, ImageSize size) = (new(golden.Width, golden.Height), new(golden.ToWidth, golden.ToHeight));
        float[] resized = new float[size.Pixels];

        PlaneResizer.Resize(golden.Source, 0, source, resized, size, filter, golden.Antialias, 0, size.Height);

        float largest = golden.Source.Max(Math.Abs);
        for (int i = 0; i < resized.Length; i++)
        {
            Assert.Equal(golden.Expected[i], resized[i], largest * 1e-6f);
        }

        for (int first = 0; first < size.Height; first++)
        {
            float[] rows = new float[Math.Min(2, size.Height - first) * size.Width];
            int count = rows.Length / size.Width;
            (int from, int needed) = PlaneResizer.SourceRows(source.Height, size.Height, filter, golden.Antialias, first, count);
            ReadOnlySpan<float> part = golden.Source.AsSpan(from * source.Width, needed * source.Width);

            PlaneResizer.Resize(part, from, source, rows, size, filter, golden.Antialias, first, count);

            Assert.Equal(resized.AsSpan(first * size.Width, rows.Length).ToArray(), rows);
        }
    }

    [Fact]
    public void Resize_Nan_StaysWhereItsKernelIs()
    {
        float[] source = [1, 2, float.NaN, 4, 5, 6];
        float[] same = new float[6], wide = new float[12];

        PlaneResizer.Resize(source, 0, new ImageSize(6, 1), same, new ImageSize(6, 1), ResizeFilter.Bilinear, antialias: true, 0, 1);
        PlaneResizer.Resize(source, 0, new ImageSize(6, 1), wide, new ImageSize(12, 1), ResizeFilter.Bilinear, antialias: false, 0, 1);

        Assert.Equal(source, same);
        Assert.Equal([3, 4, 5, 6], wide.Index().Where(v => float.IsNaN(v.Item)).Select(v => v.Index));
    }

    [Fact]
    public void Resize_WrongLength_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => PlaneResizer.Resize(
        new float[5], 0, new ImageSize(2, 3), new float[4], new ImageSize(2, 2), ResizeFilter.Nearest, antialias: true, 0, 2));

    private sealed record Golden(
        string Filter, bool Antialias, int Width, int Height, int ToWidth, int ToHeight, float[] Source, float[] Expected);
}
