using InferenceServer.Kernels.Normalization;

namespace InferenceServer.Kernels.Tests.Normalization;

public class PixelPackerTests
{
    [Theory]
    [InlineData(1, 1, 1, 1, 0, 0)]
    [InlineData(3, 2, 3, 2, 0, 0)]
    [InlineData(5, 3, 8, 8, 2, 4)]
    [InlineData(6, 1, 6, 4, 0, 3)]
    [InlineData(37, 4, 40, 4, 3, 0)]
    [InlineData(64, 5, 64, 6, 0, 0)]
    public void Compute_AnyPlace_HasThePixelsAndZerosAround(int width, int height, int paddedWidth, int paddedHeight, int left, int top)
    {
        (ImageSize image, ImageSize padded) = (new(width, height), new(paddedWidth, paddedHeight));
        int stride = width + 2;
        byte[] rgb = new byte[((stride * (height - 1)) + width) * 3];
        new Random(width).NextBytes(rgb);
        byte[] packed = new byte[padded.Pixels * 4];
        Array.Fill(packed, (byte)77);

        PixelPacker.Compute(rgb, stride, image, packed, padded, left, top, isGray: false);

        for (int y = 0; y < paddedHeight; y++)
        {
            for (int x = 0; x < paddedWidth; x++)
            {
                bool isInside = x >= left && x < left + width && y >= top && y < top + height;
                int at = (((y - top) * stride) + x - left) * 3;
                byte[] expected = isInside ? [rgb[at], rgb[at + 1], rgb[at + 2], 255] : [0, 0, 0, 0];
                Assert.Equal(expected, packed.AsSpan(((y * paddedWidth) + x) * 4, 4).ToArray());
            }
        }
    }

    [Fact]
    public void Compute_Gray_RepeatsTheGrayOfAPixel()
    {
        ImageSize size = new(9, 4);
        byte[] rgb = new byte[size.Pixels * 3], gray = new byte[rgb.Length], packed = new byte[size.Pixels * 4];
        new Random(4).NextBytes(rgb);
        GrayConverter.Compute(rgb, gray);

        PixelPacker.Compute(rgb, size.Width, size, packed, size, 0, 0, isGray: true);

        byte[] expected = [.. gray.Chunk(3).SelectMany(pixel => pixel.Append(byte.MaxValue))];
        Assert.Equal(expected, packed);
    }

    [Theory]
    [InlineData(1, 0, 0, 96)] // the rectangle ends outside
    [InlineData(0, 1, 0, 96)]
    [InlineData(0, 0, 1, 96)] // too few pixels
    [InlineData(0, 0, 0, 95)] // no room
    [InlineData(-1, 0, 0, 96)]
    public void Compute_WrongLength_Throws(int left, int top, int missing, int room)
    {
        ImageSize size = new(6, 4);
        byte[] rgb = new byte[(size.Pixels * 3) - missing];

        Assert.Throws<ArgumentOutOfRangeException>(
            () => PixelPacker.Compute(rgb, size.Width, size, new byte[room], size, left, top, isGray: false));
    }
}
