using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Runtime.Tests.Decoding;

public sealed class PngFilterTests
{
    [Theory]
    [InlineData(0, new byte[] { 1, 2, 250 })]
    [InlineData(1, new byte[] { 1, 3, 253 })]
    [InlineData(2, new byte[] { 11, 22, 24 })]
    [InlineData(3, new byte[] { 6, 15, 16 })]
    [InlineData(4, new byte[] { 11, 22, 24 })]
    public void Undo_EveryFilter_RestoresTheRow(int filter, byte[] expected)
    {
        byte[] row = [1, 2, 250];

        PngFilter.Undo(filter, row, [10, 20, 30]);

        Assert.Equal(expected, row);
    }

    [Fact]
    public void Undo_UnknownFilter_IsInvalidData() => Assert.Throws<InvalidDataException>(() => PngFilter.Undo(5, new byte[1], [0]));
}
