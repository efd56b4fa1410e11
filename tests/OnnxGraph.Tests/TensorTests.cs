namespace OnnxGraph.Tests;

public sealed class TensorTests
{
    [Theory]
    [InlineData("int64", -1, 1L << 62)]
    [InlineData("int32", -1, int.MaxValue)]
    [InlineData("int16", -1, 300)]
    [InlineData("int8", -1, 127)]
    [InlineData("uint8", 0, 255)]
    [InlineData("uint16", 0, 65535)]
    [InlineData("uint32", 0, uint.MaxValue)]
    [InlineData("bool", 1, 0)]
    public void ReadInt64s_TypedData_AreItsValues(string name, long first, long second)
    {
        using OnnxModel model = Fixtures.Open("typed");
        Tensor tensor = model.Graph.Initializer(name)!;

        Assert.Equal(name, tensor.Type.Name());
        Assert.Equal([first, second], tensor.ReadInt64s());
        Assert.Equal([first, second], tensor.ReadFloats().Select(value => (double)value), (a, b) => Math.Abs(a - b) <= Math.Abs(a) * 1e-6);
    }

    [Theory]
    [InlineData("float32", 1.5f, -2)]
    [InlineData("float64", 1.25f, float.NegativeInfinity)] // -1e300
    [InlineData("float16", 1.5f, -2)]
    [InlineData("bfloat16", 1.5f, -2)]
    public void ReadFloats_TypedData_AreItsValues(string name, float first, float second)
    {
        using OnnxModel model = Fixtures.Open("typed");

        Assert.Equal([first, second], model.Graph.Initializer(name)!.ReadFloats());
    }

    [Fact]
    public void Read_OtherTensors_AreTheirValues()
    {
        using OnnxModel model = Fixtures.Open("typed");
        Graph graph = model.Graph;

        Assert.Equal(["cat", "straße"], graph.Initializer("string")!.ReadStrings());
        Assert.Equal([7f], graph.Initializer("scalar")!.ReadFloats());
        Assert.Equal([], graph.Initializer("scalar")!.Dims);
        Assert.Equal([], graph.Initializer("empty")!.ReadFloats());
        Assert.Equal([2, 3], graph.Initializer("raw")!.Dims);
        Assert.Equal([0, 1, 2, 3, 4, 5], graph.Initializer("raw")!.ReadInt64s());
        Assert.Equal([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40], graph.Initializer("complex64")!.ReadBytes());
    }

    [Fact]
    public void Read_WhatTheTypeCannotGive_IsRefused()
    {
        using OnnxModel model = Fixtures.Open("typed");
        Graph graph = model.Graph;

        Assert.Throws<OnnxFormatException>(() => graph.Initializer("uint64")!.ReadInt64s()); // 2^63
        Assert.Throws<OnnxFormatException>(() => graph.Initializer("float32")!.ReadInt64s());
        Assert.Throws<OnnxFormatException>(() => graph.Initializer("complex64")!.ReadFloats());
        Assert.Throws<OnnxFormatException>(() => graph.Initializer("string")!.ReadBytes());
        Assert.Throws<OnnxFormatException>(() => graph.Initializer("raw")!.ReadStrings());
        Assert.Throws<OnnxFormatException>(() => graph.Initializer("raw")!.ReadBytes(limit: 47));
    }

    [Theory]
    [InlineData("raw", 7)]
    [InlineData("int64", 3)]
    [InlineData("float32", 1)]
    public void ReadBytes_DataOfAnotherLengthThanTheShape_IsRefused(string name, int count)
    {
        using OnnxModel model = Fixtures.Open("typed");
        Tensor tensor = model.Graph.Initializer(name)!;
        tensor.Dims = [count];

        OnnxFormatException exception = Assert.Throws<OnnxFormatException>(() => tensor.ReadBytes());

        Assert.Contains($"'{name}'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadFloats_ExternalData_AreThoseOfTheFile()
    {
        using OnnxModel model = Fixtures.Open("external");
        Tensor weight = model.Graph.Initializers[0];

        Assert.Equal(new ExternalData("external.bin", 8, 16), weight.External);
        Assert.Equal([1f, 2, 3, 4], weight.ReadFloats());
        Assert.Throws<OnnxFormatException>(() => OnnxModel.Parse(Fixtures.Read("external")).Graph.Initializers[0].ReadFloats());
    }

    [Fact]
    public void SparseInitializers_OfTheGraph_AreRead()
    {
        using OnnxModel model = Fixtures.Open("sparse");
        SparseTensor weight = model.Graph.SparseInitializers[0];

        Assert.Equal("weight", weight.Name);
        Assert.Equal([4], weight.Dims);
        Assert.Equal([5f, 7], weight.Values!.ReadFloats());
        Assert.Equal([1, 3], weight.Indices!.ReadInt64s());
    }

    [Fact]
    public void Create_DimsChangedInPlace_AreWritten()
    {
        using OnnxModel model = Fixtures.Open("typed");
        model.Graph.Initializer("raw")!.Dims[0] = 3;
        model.Graph.Initializer("raw")!.Dims[1] = 2;
        model.Graph.Initializer("scalar")!.Dims = [1, 1];

        using OnnxModel read = OnnxModel.Parse(model.ToBytes());

        Assert.Equal([3, 2], read.Graph.Initializer("raw")!.Dims);
        Assert.Equal([1, 1], read.Graph.Initializer("scalar")!.Dims);
        Assert.Equal([7f], read.Graph.Initializer("scalar")!.ReadFloats());
    }

    [Fact]
    public void Create_DataOfAnotherLengthThanTheShape_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => Tensor.Create("t", [3], new float[2]));
        Assert.Equal(2, Tensor.Create("t", ElementType.Int4, [3], new byte[2]).ReadBytes().Length);
    }
}
