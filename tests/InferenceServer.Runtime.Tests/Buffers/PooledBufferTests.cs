using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Tests.Buffers;

public class PooledBufferTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public void Span_OfAnyLength_IsExactlyThatLong(int length)
    {
        using PooledBuffer<float> buffer = new(length);
        Assert.Equal(length, buffer.Span.Length);
        Assert.Equal(length, buffer.Memory.Length);
    }

    [Fact]
    public void Dispose_Twice_GivesTheArrayBackOnce()
    {
        PooledBuffer<byte> first = new(1 << 20);
        first.Dispose();
        first.Dispose();
        using PooledBuffer<byte> second = new(1 << 20);
        using PooledBuffer<byte> third = new(1 << 20);
        second.Span[0] = 1;
        third.Span[0] = 2;
        Assert.Equal(1, second.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => first.Memory);
    }
}
