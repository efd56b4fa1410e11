using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Kernels.Tests.Resizing;

public sealed class PillowResizerTests
{
    public static TheoryData<string> Goldens => ResizeGoldens.Names("pillow");

    [Theory, MemberData(nameof(Goldens))]
    public void Resize_GoldenCase_MatchesTheLibraryExactly(string name)
    {
        string[] parts = name.Split('-');
        ResizeFilter filter = Enum.Parse<ResizeFilter>(parts[1], ignoreCase: true);
        ImageSize size = ResizeGoldens.Size(parts[3]);
        byte[] actual = new byte[size.Pixels * 3];

        PillowResizer.Resize(ResizeGoldens.Pixels("source-" + parts[2]), ResizeGoldens.Size(parts[2]), actual, size, filter);

        Assert.Equal(ResizeGoldens.Pixels(name), actual);
    }

    public static TheoryData<int> Widths => [.. Enumerable.Range(1, 50)];

    [Theory, MemberData(nameof(Widths))]
    public void Resize_AnyWidth_MatchesTheScalarPasses(int width)
    {
        ImageSize from = new(23, 7), to = new(width, 11);
        byte[] source = new byte[from.Pixels * 3], wide = new byte[width * 7 * 3];
        byte[] expected = new byte[to.Pixels * 3], actual = new byte[to.Pixels * 3];
        new Random(width).NextBytes(source);

        ResampleWeights columns = ResampleWeights.Create(23, width, ResizeFilter.Bicubic);
        for (int y = 0; y < from.Height; y++)
        {
            PillowResizer.HorizontalScalar(source.AsSpan(y * 69, 69), wide.AsSpan(y * width * 3, width * 3), columns, 0);
        }

        ResampleWeights rows = ResampleWeights.Create(7, 11, ResizeFilter.Bicubic);
        for (int y = 0; y < to.Height; y++)
        {
            ReadOnlySpan<int> taps = rows.Taps(y, out int start);
            PillowResizer.VerticalScalar(
                wide.AsSpan(start * width * 3, taps.Length * width * 3), taps, expected.AsSpan(y * width * 3, width * 3), 0);
        }

        PillowResizer.Resize(source, from, actual, to, ResizeFilter.Bicubic);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Resize_EmptyDestination_Throws() => Assert.Throws<ArgumentException>(
        () => PillowResizer.Resize(new byte[12], new ImageSize(2, 2), [], new ImageSize(0, 0), ResizeFilter.Bilinear));

    [Fact]
    public void Resize_WrongLength_Throws() => Assert.Throws<ArgumentException>(
        () => PillowResizer.Resize(new byte[11], new ImageSize(2, 2), new byte[3], new ImageSize(1, 1), ResizeFilter.Bilinear));

    [Fact]
    public void Resize_OverlappingBuffers_Throws()
    {
        byte[] buffer = new byte[24];
        Assert.Throws<ArgumentException>(() => PillowResizer.Resize(
            buffer.AsSpan(0, 12), new ImageSize(2, 2), buffer.AsSpan(6, 6), new ImageSize(2, 1), ResizeFilter.Bilinear));
    }
}
