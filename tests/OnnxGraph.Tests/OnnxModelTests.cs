namespace OnnxGraph.Tests;

public sealed class OnnxModelTests
{
    // Its fields are out of order, so only its meaning stays.
    private const string OutOfOrder = "unpacked";

    [Theory]
    [MemberData(nameof(Fixtures.All), MemberType = typeof(Fixtures))]
    public void ToBytes_Untouched_IsTheFile(string name)
    {
        byte[] file = Fixtures.Read(name);
        using OnnxModel opened = Fixtures.Open(name);
        using OnnxModel parsed = OnnxModel.Parse(file);

        byte[] written = opened.ToBytes();

        Assert.Equal(file.Length, opened.Length());
        Assert.Equal(written, parsed.ToBytes());
        if (name != OutOfOrder)
        {
            Assert.Equal(file, written);
        }
    }

    [Fact]
    public void ToBytes_FieldsOutOfOrder_KeepsAllAndIsStable()
    {
        using OnnxModel model = Fixtures.Open(OutOfOrder);

        byte[] written = model.ToBytes();
        using OnnxModel again = OnnxModel.Parse(written);

        Assert.Equal(written, again.ToBytes());
        Assert.Equal(17, Occurrences(Fixtures.Read(OutOfOrder), "kept"u8));
        Assert.Equal(17, Occurrences(written, "kept"u8));
        Assert.Equal([1, 0], again.Graph.Nodes[0].Ints("perm")!);
        Assert.Equal([1.5f, -2, 3], again.Graph.Initializer("floats")!.ReadFloats());
    }

    [Fact]
    public void Open_Metadata_HasWhatTheExporterWrote()
    {
        using OnnxModel model = Fixtures.Open("metadata");

        Assert.Equal((8, 3), (model.IrVersion, model.ModelVersion));
        Assert.Equal(
            ("make_onnx.py", "1.2", "org.example", "For people."),
            (model.ProducerName, model.ProducerVersion, model.Domain, model.DocString));
        Assert.Equal([new OpsetImport("", 16), new OpsetImport("ai.onnx.ml", 3)], model.Opsets);
        Assert.Equal(16, model.Opset);
        Assert.Equal(["names", "stride", "empty"], model.Metadata.Keys);
        Assert.Equal("{0: 'road', 1: 'tree'}", model.Metadata["names"]);
        Assert.Equal("metadata", model.Graph.Name);
        Assert.Equal("id", model.Graph.Nodes[0].Name);
        Assert.Equal(["tensor", "sequence", "optional"], model.Graph.Inputs.Select(input => input.Kind));
        Assert.Equal(ElementType.Undefined, model.Graph.Inputs[1].Type);
        Assert.Equal("uint8", model.Graph.Inputs[0].Type.Name());
        Assert.Equal([new(null, "N"), new(3), new(0), new(-1), new(null)], model.Graph.Inputs[0].Shape!);
        Assert.Null(model.Graph.Outputs[0].Shape);
    }

    [Fact]
    public void ToBytes_EverythingEdited_IsReadBack()
    {
        using OnnxModel model = Fixtures.Open("metadata");
        (model.IrVersion, model.ModelVersion) = (11, 4);
        (model.ProducerName, model.ProducerVersion, model.Domain, model.DocString) = ("a", "b", "c", "d");
        model.Opsets[0] = model.Opsets[0] with { Version = 18 };
        model.Metadata["stride"] = "16";
        model.Metadata.Remove("empty");
        model.Metadata.Add("new", "ü");
        model.Graph.Name = "g";
        model.Graph.Inputs[0].Shape = [new(1), new(null, "H")];
        model.Graph.Inputs[1].Type = ElementType.Float16;
        model.Graph.Outputs[0].Shape = [];
        model.Graph.Outputs[0].Name = "z";
        model.Graph.Nodes[0].Outputs[0] = "z";

        using OnnxModel read = OnnxModel.Parse(model.ToBytes());

        Assert.Equal((11, 4), (read.IrVersion, read.ModelVersion));
        Assert.Equal(("a", "b", "c", "d"), (read.ProducerName, read.ProducerVersion, read.Domain, read.DocString));
        Assert.Equal(18, read.Opset);
        Assert.Equal([new("names", "{0: 'road', 1: 'tree'}"), new("stride", "16"), new("new", "ü")], read.Metadata);
        Assert.Equal("g", read.Graph.Name);
        Assert.Equal([new(1), new(null, "H")], read.Graph.Inputs[0].Shape!);
        Assert.Equal(ElementType.UInt8, read.Graph.Inputs[0].Type);
        Assert.Equal(("tensor", ElementType.Float16), (read.Graph.Inputs[1].Kind, read.Graph.Inputs[1].Type));
        Assert.Equal([], read.Graph.Outputs[0].Shape!);
        Assert.Equal("z", read.Graph.Outputs[0].Name);
        Assert.Equal(1, Occurrences(model.ToBytes(), "IMAGE"u8));
    }

    [Fact]
    public void Opset_NoneOfOnnx_IsNull()
    {
        using OnnxModel model = Fixtures.Open("metadata");
        model.Opsets.RemoveAt(0);

        Assert.Null(OnnxModel.Parse(model.ToBytes()).Opset);
    }

    [Fact]
    public void Save_OverItsOwnFile_KeepsTheWeights()
    {
        string file = Path.GetTempFileName();
        File.Copy(Fixtures.PathOf("conv"), file, overwrite: true);
        using (OnnxModel model = OnnxModel.Open(file))
        {
            model.Graph.Initializers.Add(Tensor.Create("large", [100_000], new float[100_000]));
            model.Save(file);
        }

        using (OnnxModel model = OnnxModel.Open(file))
        {
            model.ProducerName = "again";
            model.Save(file);
            Assert.Equal(model.Length(), new FileInfo(file).Length);
            Assert.Equal(File.ReadAllBytes(file), model.ToBytes());
        }

        using OnnxModel last = OnnxModel.Open(file);
        Assert.Equal(new float[100_000], last.Graph.Initializer("large")!.ReadFloats());
        File.Delete(file);
    }

    [Theory]
    [InlineData("external", "")]
    [InlineData("subgraphs", "")]
    [InlineData("functions", "vendor.Scale mmdeploy.Nms")]
    public void CustomOperators_Fixture_AreThoseThatNobodyDefines(string name, string expected)
    {
        using OnnxModel model = Fixtures.Open(name);

        IEnumerable<string> operators = model.CustomOperators().Select(op => $"{op.Domain}.{op.OpType}").Order().Reverse();

        Assert.Equal(expected, string.Join(' ', operators));
    }

    [Fact]
    public void Functions_OfTheModel_AreNamed()
    {
        using OnnxModel model = Fixtures.Open("functions");

        Assert.Equal([("local", "Twice")], model.Functions);
    }

    [Fact]
    public void MissingFiles_FileGoneShortOrElsewhere_AreNamed()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("onnx-graph-");
        string file = Path.Combine(folder.FullName, "model.onnx"), data = Path.Combine(folder.FullName, "external.bin");
        File.Copy(Fixtures.PathOf("external"), file);
        using OnnxModel model = OnnxModel.Open(file);

        Assert.Equal(["external.bin"], model.MissingFiles());
        File.WriteAllBytes(data, new byte[20]);
        Assert.Equal(["external.bin (needs 24 bytes, has 20)"], model.MissingFiles());
        File.WriteAllBytes(data, new byte[24]);
        Assert.Empty(model.MissingFiles());
        File.Move(data, data + ".blob");
        File.CreateSymbolicLink(data, data + ".blob");
        Assert.Empty(model.MissingFiles());
        Assert.Equal(new float[4], model.Graph.Initializers[0].ReadFloats());
        File.Delete(data + ".blob");
        Assert.Equal(["external.bin"], model.MissingFiles());
        model.Graph.Initializers[0].External = new ExternalData("../external.bin");
        Assert.Equal(["../external.bin"], model.MissingFiles());
        folder.Delete(recursive: true);
    }

    [Fact]
    public void MissingFiles_TensorOfAnAttributeInASubgraph_IsNamed()
    {
        using OnnxModel model = Fixtures.Open("subgraphs");
        Tensor tensor = Tensor.Create("value", [2], new float[2]);
        tensor.External = new ExternalData("gone.bin", 0, 8);
        model.Graph.Nodes[1].Attribute("else_branch")!.Graph!.Nodes[0].Attribute("then_branch")!.Graph!.Nodes[0]
            .Set(OnnxAttribute.Of("value", tensor));

        using OnnxModel read = OnnxModel.Parse(model.ToBytes(), Fixtures.PathOf("subgraphs"));

        Assert.Equal(["gone.bin"], read.MissingFiles());
    }

    private static int Occurrences(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> word) => bytes.Count(word);
}
