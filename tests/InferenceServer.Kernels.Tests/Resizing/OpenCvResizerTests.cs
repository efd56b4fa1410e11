using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Kernels.Tests.Resizing;

public sealed class OpenCvResizerTests
{
    public static TheoryData<string> Goldens => ResizeGoldens.Names("opencv");

    [Theory, MemberData(nameof(Goldens))]
    public void Resize_GoldenCase_MatchesTheLibraryExactly(string name)
    {
        string[] parts = name.Split('-');
        ResizeFilter filter = Enum.Parse<ResizeFilter>(parts[1], ignoreCase: true);
        ImageSize size = ResizeGoldens.Size(parts[3]);
        byte[] actual = new byte[size.Pixels * 3];

        OpenCvResizer.Resize(ResizeGoldens.Pixels("source-" + parts[2]), ResizeGoldens.Size(parts[2]), actual, size, filter);

        Assert.Equal(ResizeGoldens.Pixels(name), actual);
    }

    [Fact]
    public void Resize_EmptyDestination_Throws() => Assert.Throws<ArgumentException>(
        () => OpenCvResizer.Resize(new byte[12], new ImageSize(2, 2), [], new ImageSize(0, 0), ResizeFilter.Bilinear));

    [Fact]
    public void Resize_WrongLength_Throws() => Assert.Throws<ArgumentException>(
        () => OpenCvResizer.Resize(new byte[11], new ImageSize(2, 2), new byte[3], new ImageSize(1, 1), ResizeFilter.Bilinear));

    [Fact]
    public void Resize_OverlappingBuffers_Throws()
    {
        byte[] buffer = new byte[24];
        Assert.Throws<ArgumentException>(() => OpenCvResizer.Resize(
            buffer.AsSpan(0, 12), new ImageSize(2, 2), buffer.AsSpan(6, 6), new ImageSize(2, 1), ResizeFilter.Bilinear));
    }
}
