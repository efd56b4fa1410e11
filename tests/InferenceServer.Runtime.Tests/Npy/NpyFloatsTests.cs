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
    public async Task Read_WhatWasWritten_GivesItBack(int planes, int height, int width)
    {
        float[] values = new float[planes * height * width];
        new Random(planes).NextBytes(MemoryMarshal.AsBytes(values.AsSpan())); // NaN and infinities among them
        using MemoryStream stream = new();

        NpyFloats.Write(stream, values, [planes, height, width]);
        stream.Position = 0;
        using NpyValues read = await NpyFloats.ReadAsync(stream);

        Assert.Equal([planes, height, width], read.Header.Shape);
        Assert.True(MemoryMarshal.AsBytes(values.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(read.Values.Span)));
    }

    [Theory]
    [InlineData("<f8", false, "Expected little-endian float32")]
    [InlineData(">f4", false, "Expected little-endian float32")]
    [InlineData("|u1", false, "Expected little-endian float32")]
    [InlineData("<f4", true, "Fortran order")]
    [InlineData("<f4", false, "ends before all values of the shape (2, 3)")]
    public async Task Read_AnotherArray_SaysWhatToChange(string type, bool fortranOrder, string message)
    {
        using MemoryStream stream = new([.. new NpyHeader(type, fortranOrder, [2, 3]).ToBytes(), .. new byte[23]]);

        Assert.Contains(
            message, (await Assert.ThrowsAsync<InvalidDataException>(() => NpyFloats.ReadAsync(stream))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100_000, 100_000, 100_000)]
    [InlineData(2_000_000_000, 2_000_000_000, 2_000_000_000)]
    [InlineData(1_000, 1_000, 1_000)] // fits, but the file is shorter
    public async Task Read_HugeShape_TakesNoMemory(int planes, int height, int width)
    {
        using MemoryStream stream = new(new NpyHeader("<f4", FortranOrder: false, [planes, height, width]).ToBytes());

        await Assert.ThrowsAsync<InvalidDataException>(() => NpyFloats.ReadAsync(stream));
    }

    [Fact]
    public async Task Read_Halves_GivesTheirValues()
    {
        Half[] halves = [(Half)0.1f, (Half)1, (Half)(-2.5f), Half.PositiveInfinity, Half.NaN, Half.Epsilon];
        using MemoryStream stream = new(
            [.. new NpyHeader("<f2", FortranOrder: false, [1, 2, 3]).ToBytes(), .. MemoryMarshal.AsBytes(halves.AsSpan())]);

        using NpyValues read = await NpyFloats.ReadAsync(stream);

        Assert.Equal(halves.Select(half => (float)half), read.Values.Span.ToArray());
    }

    [Fact]
    public async Task Read_HeaderThatIsNotWanted_TakesNoMemory()
    {
        using MemoryStream stream = new([.. new NpyHeader("<f4", FortranOrder: false, [2, 3]).ToBytes(), .. new byte[24]]);

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => NpyFloats.ReadAsync(stream, header => throw new InvalidOperationException(header.Type)));
    }
}
