namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>What nearly all files of tests/assets/images show; make_images.py made them.</summary>
internal static class Picture
{
    public const int Width = 40;
    public const int Height = 30;

    /// <summary>HWC, upright.</summary>
    public static byte[] Rgb { get; } = Draw();

    /// <summary>The same in grey, with three equal bands.</summary>
    public static byte[] Grey { get; } = [.. Rgb.Chunk(3).Select(Luminance).SelectMany(grey => Enumerable.Repeat(grey, 3))];

    /// <summary>Compares the mean difference: an edge may ring in a lossy format, a turned or miscoloured image is far off.</summary>
    public static void AssertClose(byte[] expected, ReadOnlySpan<byte> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        long sum = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            sum += Math.Abs(expected[i] - actual[i]);
        }

        Assert.InRange((double)sum / expected.Length, 0, tolerance);
    }

    private static byte Luminance(byte[] pixel) => (byte)(((pixel[0] * 299) + (pixel[1] * 587) + (pixel[2] * 114) + 500) / 1000);

    private static byte[] Draw()
    {
        byte[] rgb = new byte[Width * Height * 3];
        rgb.AsSpan().Fill(255);
        Fill(rgb, 2..19, 2..14, [200, 30, 30]);
        Fill(rgb, 21..38, 2..14, [30, 160, 40]);
        Fill(rgb, 21..38, 16..28, [30, 50, 200]);
        Fill(rgb, 2..19, 16..28, [220, 200, 40]);
        Fill(rgb, 4..12, 4..12, [0, 0, 0]);
        return rgb;
    }

    private static void Fill(byte[] rgb, Range columns, Range rows, ReadOnlySpan<byte> color)
    {
        for (int y = rows.Start.Value; y < rows.End.Value; y++)
        {
            for (int x = columns.Start.Value; x < columns.End.Value; x++)
            {
                color.CopyTo(rgb.AsSpan(((y * Width) + x) * 3));
            }
        }
    }
}
