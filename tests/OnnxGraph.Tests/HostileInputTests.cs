using Xunit.Abstractions;

namespace OnnxGraph.Tests;

/// <summary>Whatever the bytes are, reading ends in a model or in an <see cref="OnnxFormatException"/>, and takes memory in
/// proportion to them.</summary>
public sealed class HostileInputTests(ITestOutputHelper output)
{
    private const string Large = "large.onnx";

    [Theory]
    [MemberData(nameof(Fixtures.Small), MemberType = typeof(Fixtures))]
    public void Parse_CutAtEachByte_IsAModelOrRefused(string name)
    {
        byte[] file = Fixtures.Read(name);

        for (int length = 0; length < file.Length; length++)
        {
            ReadAll(file.AsMemory(0, length));
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures.Small), MemberType = typeof(Fixtures))]
    public void Parse_RandomBytesChanged_IsAModelOrRefused(string name)
    {
        Random random = new(name.Length);
        byte[] file = Fixtures.Read(name);

        for (int i = 0; i < 2000; i++)
        {
            byte[] changed = [.. file];
            for (int changes = random.Next(1, 8); changes > 0; changes--)
            {
                changed[random.Next(file.Length)] = (byte)random.Next(256);
            }

            ReadAll(changed);
        }
    }

    [Fact]
    public void Open_CutAnywhere_IsWhatParseIs()
    {
        using OnnxModel model = Fixtures.Open("subgraphs");
        model.Graph.Initializers.Add(Tensor.Create("large", [10_000], new float[10_000]));
        byte[] whole = model.ToBytes();
        string file = Path.GetTempFileName();

        for (int length = whole.Length; length > 0; length -= 37)
        {
            File.WriteAllBytes(file, whole[..length]);
            Assert.Equal(Outcome(() => OnnxModel.Parse(whole.AsMemory(0, length))), Outcome(() => OnnxModel.Open(file)));
        }

        File.Delete(file);
    }

    [Theory]
    [InlineData("")]
    [InlineData("no model at all")]
    [InlineData("\u0089PNG\r\n\u001a\n")]
    public void Parse_NoModel_SaysSo(string text)
    {
        OnnxFormatException exception = Assert.Throws<OnnxFormatException>(
            () => OnnxModel.Parse(text.Select(character => (byte)character).ToArray()));

        Assert.StartsWith("no ONNX file: expected ", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0x3A })] // graph
    [InlineData(new byte[] { 0x72 })] // metadata
    [InlineData(new byte[] { 0x3A, 0x7F, 0x2A })] // graph, initializer
    public void Parse_LengthOf2To60_IsRefusedWithoutMemory(byte[] before)
    {
        byte[] model = [.. before, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
        long allocated = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<OnnxFormatException>(() => OnnxModel.Parse(model));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 100_000);
    }

    [Fact]
    public void Parse_GraphsNested10000Deep_IsRefused()
    {
        byte[] graph = [];
        for (int depth = 0; depth < 10_000; depth++)
        {
            byte[] attribute = Field(6, graph);
            graph = Field(1, Field(5, attribute));
        }

        Assert.Throws<OnnxFormatException>(() => OnnxModel.Parse(Field(7, graph)));
    }

    [Fact]
    public void Parse_TenMillionEmptyNodes_IsRefused()
    {
        byte[] nodes = new byte[20_000_000];
        for (int i = 0; i < nodes.Length; i += 2)
        {
            nodes[i] = 0x0A;
        }

        Assert.Throws<OnnxFormatException>(() => OnnxModel.Parse(Field(7, nodes)));
    }

    // dims 2^40 × 2^40, 2^62, and negative
    [Theory]
    [InlineData(1L << 40, 1L << 40)]
    [InlineData(1L << 62, 1)]
    [InlineData(-1, 1)]
    [InlineData(100_000, 100_000)]
    public void ReadBytes_ShapeWithoutItsData_IsRefusedWithoutMemory(long height, long width)
    {
        Tensor tensor = Tensor.Create("t", [2], [1f, 2]);
        tensor.Dims = [height, width];
        long allocated = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<OnnxFormatException>(() => tensor.ReadFloats(long.MaxValue));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 100_000);
    }

    [Fact]
    public void Open_WeightsOf3GB_ReadsNoneOfThem()
    {
        const long Weights = 3L << 30;
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + Large);
        byte[] head = Field(8, "weight"u8.ToArray()).Concat(new byte[] { 0x08, 3, 0x08, 0x80, 0x80, 0x80, 0x80, 1, 0x10, 2 }).ToArray();
        byte[] raw = [0x4A, .. Varint(Weights)];
        byte[] tensor = [0x2A, .. Varint(head.Length + raw.Length + Weights), .. head, .. raw];
        byte[] model = [0x08, 8, 0x3A, .. Varint(tensor.Length + Weights), .. tensor];
        try
        {
            using (FileStream stream = File.Create(file))
            {
                stream.Write(model);
                stream.SetLength(model.Length + Weights);
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread();
            using OnnxModel read = OnnxModel.Open(file);

            Assert.Equal(3, read.Graph.Initializer("weight")!.Dims[0]);
            Assert.Equal(model.Length + Weights, read.Length());
            Assert.Throws<OnnxFormatException>(read.ToBytes);
            Assert.Throws<OnnxFormatException>(() => read.Graph.Initializers[0].ReadBytes());
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 200_000);
        }
        catch (IOException exception)
        {
            output.WriteLine($"Skipped: the file system of {Path.GetTempPath()} has no sparse files of 3 GB ({exception.Message}).");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures.All), MemberType = typeof(Fixtures))]
    public void OpenAndToBytes_Model_AllocateTheResultOnce(string name)
    {
        long length = new FileInfo(Fixtures.PathOf(name)).Length;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        using OnnxModel model = Fixtures.Open(name);
        long opened = GC.GetAllocatedBytesForCurrentThread() - allocated;
        model.ToBytes();
        long written = GC.GetAllocatedBytesForCurrentThread() - allocated - opened;

        output.WriteLine($"{name}: {length:N0} bytes, {opened:N0} to open, {written:N0} to write");
        Assert.InRange(opened, 0, 2_000_000);
        Assert.InRange(written, length, length + 1_000_000);
    }

    private static void ReadAll(ReadOnlyMemory<byte> bytes)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using OnnxModel model = OnnxModel.Parse(bytes, Fixtures.PathOf("external"));
            model.CustomOperators();
            model.Graph.UniqueName("x");
            Attempt(() => model.MissingFiles());
            foreach (Tensor tensor in model.Graph.Initializers)
            {
                Attempt(() => tensor.ReadBytes());
                Attempt(() => tensor.ReadFloats());
                Attempt(() => tensor.ReadStrings());
            }

            foreach (OnnxAttribute attribute in model.Graph.Nodes.SelectMany(node => node.Attributes))
            {
                Attempt(() => attribute.Ints());
                Attempt(() => attribute.Floats());
                Attempt(() => attribute.Texts());
            }

            using OnnxModel again = OnnxModel.Parse(model.ToBytes());
            Assert.Equal(model.ToBytes(), again.ToBytes());
        }
        catch (OnnxFormatException exception)
        {
            Assert.Contains("expected", exception.Message, StringComparison.Ordinal);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 10_000_000);
    }

    private static string Outcome(Func<OnnxModel> read)
    {
        try
        {
            using OnnxModel model = read();
            return Convert.ToBase64String(model.ToBytes());
        }
        catch (OnnxFormatException exception)
        {
            return exception.Message;
        }
    }

    private static void Attempt(Action action)
    {
        try
        {
            action();
        }
        catch (OnnxFormatException exception)
        {
            Assert.Contains("expected", exception.Message, StringComparison.Ordinal);
        }
    }

    private static byte[] Field(int number, byte[] body) => [(byte)((number << 3) | 2), .. Varint(body.Length), .. body];

    private static byte[] Varint(long value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        return [.. bytes, (byte)value];
    }
}
