using InferenceServer.Kernels;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Runtime.Tests.Decoding;

public sealed class LabelPngTests
{
    [Fact]
    public void Decode_IndexedPng_GivesIndicesNotColours()
    {
        LabelPng labels = Decode("palette.png");

        Assert.Equal(new ImageSize(40, 30), labels.Size);
        Assert.True(labels.Labels.Distinct().Count() is >= 5 and <= 16);
        Assert.True(labels.Labels.Max() < 16);
        Assert.NotEqual(labels.Labels[0], labels.Labels[(5 * 40) + 5]); // white ground, black block
        Assert.Equal(labels.Labels[0], labels.Labels[^1]);
    }

    [Fact]
    public void Decode_OneBit_GivesZeroAndOne()
    {
        LabelPng labels = Decode("one-bit.png");

        Assert.Equal([0, 1], labels.Labels.Distinct().Order().Select(label => (int)label));
    }

    [Theory]
    [InlineData("rgb.png", "colours")]
    [InlineData("grey16.png", "16-bit")]
    [InlineData("grey.jpg", "Expected a PNG")]
    public void Decode_NoLabelMap_SaysWhy(string file, string reason)
    {
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => Decode(file));

        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_CutAnywhere_NeverCrashes()
    {
        byte[] whole = Assets.Image("palette.png");
        for (int length = 0; length < whole.Length - 12; length++) // without IEND nothing is lost
        {
            Assert.Throws<InvalidDataException>(() => LabelPng.Decode(whole.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Decode_SizeThatIsNotWanted_IsSaidBeforeTheLabelsAreMade()
    {
        byte[] file = Assets.Image("palette.png");

        Assert.Throws<InvalidOperationException>(() => LabelPng.Decode(file, size => throw new InvalidOperationException($"{size}")));
    }

    private static LabelPng Decode(string name) => LabelPng.Decode(Assets.Image(name));
}
