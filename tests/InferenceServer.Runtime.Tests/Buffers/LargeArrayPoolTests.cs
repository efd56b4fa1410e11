using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Tests.Buffers;

/// <summary>Other tests may use the pool at the same time; these hold whatever they do.</summary>
public class LargeArrayPoolTests
{
    private const int Large = 1 << 20;

    [Theory]
    [InlineData(20_000)]
    [InlineData(Large)]
    [InlineData(36_000_000)]
    public void Rent_AnyLength_IsLongEnoughAndAtMostHalfAsMuchMore(int length)
    {
        float[] array = LargeArrayPool.Rent<float>(length);

        Assert.InRange(array.Length, length, length + (length / 2));
    }

    [Fact]
    public void Rent_WhileOthersHoldTheirs_NeverHandsAnArrayOutTwice()
    {
        Parallel.For(0, 200, i =>
        {
            int[] array = LargeArrayPool.Rent<int>(Large / 16);
            array.AsSpan().Fill(i);
            Thread.Yield();
            Assert.True(!array.AsSpan().ContainsAnyExcept(i));
            LargeArrayPool.Return(array);
        });
    }

    [Fact]
    public void Return_MoreThanTheLimit_KeepsNoMore()
    {
        int length = (int)(LargeArrayPool.Limit / 8);
        byte[][] arrays = [.. Enumerable.Range(0, 12).Select(_ => LargeArrayPool.Rent<byte>(length))];
        foreach (byte[] array in arrays)
        {
            LargeArrayPool.Return(array);
            Assert.InRange(LargeArrayPool.KeptBytes, 0, LargeArrayPool.Limit);
        }
    }

    [Fact]
    public void Return_LargerThanTheLimit_LeavesTheOthers()
    {
        byte[] small = LargeArrayPool.Rent<byte>(Large);
        LargeArrayPool.Return(small);
        LargeArrayPool.Return(new byte[LargeArrayPool.Limit + 1]);

        Assert.InRange(LargeArrayPool.KeptBytes, 1, LargeArrayPool.Limit);
    }

    [LinuxFact]
    public void Return_LargerThanTheLimit_GivesItsPagesBackAtOnce()
    {
        byte[] array = LargeArrayPool.Rent<byte>((int)LargeArrayPool.Limit + 1);
        array.AsSpan().Fill(7);
        LargeArrayPool.Return(array);

        // Pages that come back from the system are zero. The first and the last page have other objects, too.
        Assert.Equal(-1, array.AsSpan(8192, array.Length - 16384).IndexOfAnyExcept((byte)0));
    }

    [LinuxFact]
    public void Return_MoreThanTheLimit_GivesThePagesOfTheOldestBack()
    {
        int length = (int)(LargeArrayPool.Limit / 4) + 4_001;
        int[][] arrays = [.. Enumerable.Range(0, 8).Select(_ => LargeArrayPool.Rent<int>(length / 4))];
        foreach (int[] array in arrays)
        {
            array.AsSpan().Fill(7);
            LargeArrayPool.Return(array);
        }

        Assert.Equal(0, arrays[0][length / 8]);
    }

    [Fact]
    public void Trim_WhatWasNotUsedSince_IsDroppedAndWhatWasStays()
    {
        const int Length = 5_000_011; // no other test uses this length
        double[] unused = LargeArrayPool.Rent<double>(Length);
        LargeArrayPool.Return(unused);
        double[] again = LargeArrayPool.Rent<double>(Length);
        Assert.Same(unused, again);

        LargeArrayPool.Return(again);
        LargeArrayPool.Trim();
        double[] used = LargeArrayPool.Rent<double>(Length);
        Assert.Same(unused, used);
        LargeArrayPool.Return(used);
        LargeArrayPool.Trim();
        LargeArrayPool.Trim();

        Assert.NotSame(unused, LargeArrayPool.Rent<double>(Length));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20_000)]
    [InlineData(32_768)]
    [InlineData(32_769)]
    [InlineData(48_319)]
    [InlineData(65_535)]
    [InlineData(70_557)]
    public void Takes_AnArrayThatWasRented_AsItsLengthWas(int length)
    {
        byte[] array = PooledArrays.Rent<byte>(length);

        Assert.Equal(LargeArrayPool.Takes<byte>(length), LargeArrayPool.Takes<byte>(array.Length));
        PooledArrays.Return(array);
    }

    [Fact]
    public void Rent_AgainAndAgain_AllocatesOnce()
    {
        PooledArrays.Return(PooledArrays.Rent<byte>(48_319));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            PooledArrays.Return(PooledArrays.Rent<byte>(48_319));
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10 * 65_536); // other tests may take the array away now and then
    }
}

/// <summary>A test of what only Linux does.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute()
    {
        if (!OperatingSystem.IsLinux())
        {
            Skip = "Linux only";
        }
    }
}
