using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Tests.Buffers;

public class PooledBufferWriterTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void Write_MoreThanTheFirstArrayHolds_KeepsEveryByte(int count)
    {
        using PooledBufferWriter writer = new(16);
        for (int i = 0; i < count; i++)
        {
            writer.GetSpan(1)[0] = (byte)i;
            writer.Advance(1);
        }

        Assert.Equal(count, writer.Written.Length);
        Assert.All(writer.Written.ToArray().Index(), b => Assert.Equal((byte)b.Index, b.Item));
    }

    [Fact]
    public void Advance_BeyondWhatWasHandedOut_Throws()
    {
        using PooledBufferWriter writer = new();
        int length = writer.GetSpan().Length;
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Advance(length + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Advance(-1));
    }

    [Fact]
    public void GetSpan_AfterDispose_Throws()
    {
        PooledBufferWriter writer = new();
        writer.Dispose();
        writer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => writer.GetSpan().Length);
    }
}
