using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Kernels.Tests.Resizing;

public sealed class ResizedRowsTests
{
    public static IEnumerable<object[]> Cases =>
        from filter in Enum.GetValues<ResizeFilter>()
        from width in (int[])[20, 40, 63, 97]
        from height in (int[])[15, 30, 61, 80]
        select (object[])[filter, width, height];

    /// <summary>
    /// Some rows equal those of the whole resized image byte by byte, whichever axis changes its length.
    /// </summary>
    [Theory, MemberData(nameof(Cases))]
    public void Resize_SomeRows_AreThoseOfTheWhole(ResizeFilter filter, int width, int height)
    {
        ImageSize source = new(40, 30), size = new(width, height);
        byte[] rgb = new byte[source.Pixels * 3];
        new Random(width).NextBytes(rgb);
        byte[] pillow = new byte[size.Pixels * 3], openCv = new byte[size.Pixels * 3];
        PillowResizer.Resize(rgb, source, pillow, size, filter);
        OpenCvResizer.Resize(rgb, source, openCv, size, filter);
        foreach ((int first, int rows) in ((int, int)[])[(0, 5), (height / 3, height / 2), (height - 1, 1)])
        {
            byte[] strip = new byte[rows * width * 3];
            PillowResizer.Resize(rgb, source, strip, size, filter, first, rows);
            Assert.Equal(pillow.AsSpan(first * width * 3, strip.Length).ToArray(), strip);
            OpenCvResizer.Resize(rgb, source, strip, size, filter, first, rows);
            Assert.Equal(openCv.AsSpan(first * width * 3, strip.Length).ToArray(), strip);
        }
    }
}
