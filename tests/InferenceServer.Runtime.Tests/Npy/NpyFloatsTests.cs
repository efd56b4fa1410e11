using System.Runtime.InteropServices;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Tests.Npy;

public class NpyFloatsTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 5, 7)]
    [InlineData(2, 1000, 600)] // more than is read at once
    [InlineData(0, 5, 7)]
    public void Read_WhatWasWritten_GivesItBack(int planes, int height, int width)
    {
        float[] values = new float[planes * height * width];
        new Random(planes).NextBytes(MemoryMarshal.AsBytes(values.AsSpan())); // NaN and infinities among them
        using MemoryStream stream = new();

        NpyFloats.Write(stream, values, [planes, height, width]);
        stream.Position = 0;
        using PooledBuffer<float> read = NpyFloats.Read(stream, out NpyHeader header);

        Assert.Equal([planes, height, width], header.Shape);
        Assert.True(MemoryMarshal.AsBytes(values.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(read.Span)));
        Assert.Equal(stream.Length, stream.Position);
    }

    [Theory]
    [InlineData("<f8", false, "Expected little-endian float32")]
    [InlineData(">f4", false, "Expected little-endian float32")]
    [InlineData("|u1", false, "Expected little-endian float32")]
    [InlineData("<f4", true, "Fortran order")]
    [InlineData("<f4", false, "ends before all values of the shape (2, 3)")]
    public void Read_AnotherArray_SaysWhatToChange(string type, bool fortranOrder, string message)
    {
        using MemoryStream stream = new([.. new NpyHeader(type, fortranOrder, [2, 3]).ToBytes(), .. new byte[23]]);

        Assert.Contains(
            message, Assert.Throws<InvalidDataException>(() => NpyFloats.Read(stream, out _)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100_000, 100_000, 100_000)]
    [InlineData(2_000_000_000, 2_000_000_000, 2_000_000_000)]
    [InlineData(1_000, 1_000, 1_000)] // fits, but the file is shorter
    public void Read_HugeShape_TakesNoMemory(int planes, int height, int width)
    {
        using MemoryStream stream = new(new NpyHeader("<f4", FortranOrder: false, [planes, height, width]).ToBytes());

        Assert.Throws<InvalidDataException>(() => NpyFloats.Read(stream, out _));
    }
}
