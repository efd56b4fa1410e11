using System.Numerics;
using InferenceServer.Kernels.Normalization;

namespace InferenceServer.Kernels.Tests.Normalization;

public sealed class ChannelNormalizerTests
{
    private static readonly float[] NoPadding = [0, 0, 0];

    public static TheoryData<int> Widths => [.. Enumerable.Range(1, 70)];

    public static TheoryData<string, ChannelNormalization> Families => new()
    {
        { "caffe", ChannelNormalization.Caffe },
        { "imagenet", ChannelNormalization.ImageNet },
        { "imagenet255", ChannelNormalization.ImageNet255 },
        { "tensorflow", ChannelNormalization.TensorFlow },
        { "unit", ChannelNormalization.Unit },
    };

    [Theory, MemberData(nameof(Families))]
    public void Compute_Family_MatchesNumPy(string name, ChannelNormalization normalization)
    {
        ImageSize size = new(37, 5);
        float[] expected = Golden.Floats("normalization", name);
        float[] actual = new float[expected.Length];

        ChannelNormalizer.Compute(Golden.Bytes("normalization", "source-37x5"), size, actual, size, 0, 0, normalization, NoPadding);

        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5 * Math.Max(1, Math.Abs(pair.First))));
    }

    [Theory, MemberData(nameof(Families))]
    public void Compute_EveryByteValue_IsCloseToTheFormulaInDouble(string name, ChannelNormalization normalization)
    {
        ImageSize size = new(256, 1);
        byte[] rgb = [.. Enumerable.Range(0, 256).SelectMany(v => new[] { (byte)v, (byte)v, (byte)v })];
        float[] actual = new float[768];

        ChannelNormalizer.Compute(rgb, size, actual, size, 0, 0, normalization, NoPadding);

        Assert.NotEmpty(name);
        for (int i = 0; i < actual.Length; i++)
        {
            double expected = ((i % 256 * (double)normalization.Scale) - normalization.Mean[i / 256]) / normalization.Std[i / 256];
            Assert.Equal(expected, actual[i], 1e-6 * Math.Max(1, Math.Abs(expected)));
        }
    }

    [Theory, MemberData(nameof(Widths))]
    public void Compute_AnyWidth_MatchesScalarAndFillsThePadding(int width)
    {
        ChannelNormalization bgr = new(.5f, new Vector3(1, 2, 3), new Vector3(4, 5, 6), ChannelOrder.Bgr);
        ImageSize image = new(width, 2), padded = new(width + 5, 6);
        byte[] rgb = new byte[image.Pixels * 3];
        new Random(width).NextBytes(rgb);
        float[] actual = new float[padded.Pixels * 3];
        Array.Fill(actual, float.NaN);

        ChannelNormalizer.Compute(rgb, image, actual, padded, 2, 3, bgr, [7, 8, 9]);

        for (int c = 0; c < 3; c++)
        {
            for (int y = 0; y < padded.Height; y++)
            {
                for (int x = 0; x < padded.Width; x++)
                {
                    bool inside = x >= 2 && x < 2 + width && (y is 3 or 4);
                    float expected = inside
                        ? ChannelLine.Create(bgr, c).At(rgb[((((y - 3) * width) + x - 2) * 3) + 2 - c])
                        : 7 + c;
                    Assert.Equal(expected, actual[(((c * padded.Height) + y) * padded.Width) + x]);
                }
            }
        }
    }

    [Theory, MemberData(nameof(Widths))]
    public void Compute_Gray_WritesOnePlaneAndFillsThePadding(int width)
    {
        ChannelNormalization gray = new(.5f, new Vector3(3), new Vector3(4), ChannelOrder.Gray);
        ImageSize image = new(width, 2), padded = new(width + 5, 6);
        int stride = width + 1;
        byte[] rgb = new byte[stride * 2 * 3];
        new Random(width).NextBytes(rgb);
        float[] actual = new float[padded.Pixels];
        Array.Fill(actual, float.NaN);

        ChannelNormalizer.Compute(rgb, stride, image, actual, padded, 2, 3, gray, [7]);

        for (int y = 0; y < padded.Height; y++)
        {
            for (int x = 0; x < padded.Width; x++)
            {
                double expected = 7;
                if (x >= 2 && x < 2 + width && y is 3 or 4)
                {
                    int pixel = (((y - 3) * stride) + x - 2) * 3;
                    expected = ((Gray(rgb[pixel], rgb[pixel + 1], rgb[pixel + 2]) * .5) - 3) / 4;
                }

                Assert.Equal(expected, actual[(y * padded.Width) + x], 1e-6 * Math.Max(1, Math.Abs(expected)));
            }
        }
    }

    [Fact]
    public void Compute_GrayIntoThreePlanes_Throws() => Assert.Throws<ArgumentOutOfRangeException>(
        () => ChannelNormalizer.Compute(
            new byte[12], new ImageSize(2, 2), new float[12], new ImageSize(2, 2), 0, 0,
            ChannelNormalization.Unit with { Order = ChannelOrder.Gray }, [0]));

    [Fact]
    public void GrayConverter_RandomPixels_EqualsTheFormulaOfPillow()
    {
        byte[] rgb = new byte[3 * 1000], gray = new byte[rgb.Length];
        new Random(5).NextBytes(rgb);

        GrayConverter.Compute(rgb, gray);

        for (int i = 0; i < rgb.Length; i += 3)
        {
            byte expected = Gray(rgb[i], rgb[i + 1], rgb[i + 2]);
            Assert.Equal([expected, expected, expected], gray[i..(i + 3)]);
        }

        byte[] again = [.. gray];
        GrayConverter.Compute(again, again);
        Assert.Equal(gray, again);
    }

    [Theory]
    [InlineData(3, 6)]
    [InlineData(4, 4)]
    public void GrayConverter_WrongLength_Throws(int from, int to) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => GrayConverter.Compute(new byte[from], new byte[to]));

    [Fact]
    public void LargestValue_EachLengthAndPlace_MatchesScalar()
    {
        for (int length = 0; length <= 140; length++)
        {
            byte[] values = new byte[length];
            new Random(length).NextBytes(values);
            for (int i = 0; i < length; i++)
            {
                values[i] %= 200;
            }

            Assert.Equal(LargestValue.Scalar(values), LargestValue.Compute(values));
            for (int i = 0; i < length; i++)
            {
                byte before = values[i];
                values[i] = 255;
                Assert.Equal(255, LargestValue.Compute(values));
                values[i] = before;
            }
        }
    }

    private static byte Gray(byte red, byte green, byte blue) =>
        (byte)(((red * 19595) + (green * 38470) + (blue * 7471) + 0x8000) >> 16);

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, 3)]
    public void Compute_ImageOutsideTheInput_Throws(int left, int top) => Assert.Throws<ArgumentOutOfRangeException>(
        () => ChannelNormalizer.Compute(
            new byte[12], new ImageSize(2, 2), new float[48], new ImageSize(4, 4), left, top, ChannelNormalization.Unit, NoPadding));
}
