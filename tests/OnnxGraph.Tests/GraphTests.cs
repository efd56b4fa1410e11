namespace OnnxGraph.Tests;

/// <summary>Searches and edits; ONNX Runtime runs what was edited.</summary>
public sealed class GraphTests
{
    [Fact]
    public void Consumers_ValueThatSubgraphsCapture_AreTheNodesOfTheOuterGraph()
    {
        using OnnxModel model = Fixtures.Open("subgraphs");
        Graph graph = model.Graph;

        Assert.Equal(["If"], graph.Consumers("scaled").Select(node => node.OpType));
        Assert.Equal(["If"], graph.Consumers("two").Select(node => node.OpType));
        Assert.Equal(["Abs"], graph.Consumers("x").Select(node => node.OpType));
        Assert.Empty(graph.Consumers("one"));
        Assert.Equal("Abs", graph.Producer("scaled")!.OpType);
        Assert.Null(graph.Producer("x"));
        Assert.Equal([2f], graph.Initializer("two")!.ReadFloats());
        Assert.Null(graph.Initializer("one"));
    }

    [Fact]
    public void UniqueName_TakenInASubgraph_IsNumbered()
    {
        using OnnxModel model = Fixtures.Open("subgraphs");

        Assert.Equal("one_1", model.Graph.UniqueName("one"));
        Assert.Equal("inner_out_1", model.Graph.UniqueName("inner_out"));
        Assert.Equal("free", model.Graph.UniqueName("free"));
    }

    [Theory]
    [InlineData(true, 4)] // |-3| + 1
    [InlineData(false, 6)] // |-3| * 2
    public void ToBytes_ValueReplacedInSubgraphs_RunsInOnnxRuntime(bool condition, float expected)
    {
        using OnnxModel model = Fixtures.Open("subgraphs");
        Graph graph = model.Graph;
        string negated = graph.UniqueName("negated");
        graph.ReplaceUses("scaled", negated);
        graph.Nodes.Insert(1, new Node("Neg", ["scaled"], [negated]));

        Assert.Equal(
            [condition ? expected - 6 : -expected],
            Fixtures.Run(model.ToBytes(), ("x", Fixtures.Tensor<float>([1], -3)), ("condition", Fixtures.Tensor<bool>([], condition))));
    }

    [Fact]
    public void ToBytes_TransposeBeforeAConvolution_RunsInOnnxRuntime()
    {
        using OnnxModel model = Fixtures.Open("conv");
        Graph graph = model.Graph;
        string planes = graph.UniqueName("x");
        graph.ReplaceUses("x", planes);
        graph.Nodes.Insert(0, new Node("Transpose", ["x"], [planes]) { Attributes = [OnnxAttribute.Of("perm", [0, 3, 1, 2])] });
        graph.Inputs[0].Shape = [new(null, "N"), new(null, "H"), new(null, "W"), new(3)];

        float[] output = Fixtures.Run(model.ToBytes(), ("x", Fixtures.Tensor<float>([1, 1, 2, 3], 1, 1, 1, 0, 0, 10)));

        Assert.Equal("x_1", planes);
        Assert.Equal([4f, 37], output); // 1 + 2 + 4 - 3; 40 - 3
    }

    [Fact]
    public void ToBytes_NodesOfEveryAttribute_RunsInOnnxRuntime()
    {
        using OnnxModel model = Fixtures.Open("conv");
        Graph graph = model.Graph;
        graph.Nodes[^1].Outputs[0] = "relu";
        graph.Initializers.Add(Tensor.Create("ends", [2], [0L, -1]));
        graph.Nodes.Add(new Node("LeakyRelu", ["relu"], ["leaky"]) { Attributes = [OnnxAttribute.Of("alpha", 0.5f)] });
        graph.Nodes.Add(new Node("Constant", [], ["tens"]) { Attributes = [OnnxAttribute.Of("value_floats", [10f, 20])] });
        graph.Nodes.Add(new Node("Constant", [], ["one"]) { Attributes = [OnnxAttribute.Of("value", Tensor.Create("", [1], [1f]))] });
        graph.Nodes.Add(new Node("Reshape", ["leaky", "ends"], ["flat"]));
        graph.Nodes.Add(new Node("Mul", ["flat", "tens"], ["product"]));
        graph.Nodes.Add(new Node("Sub", ["product", "one"], ["difference"]));
        graph.Nodes.Add(new Node("ReduceSum", ["difference"], ["y"]) { Attributes = [OnnxAttribute.Of("keepdims", 0)] });
        graph.Outputs[0].Shape = null;

        float[] output = Fixtures.Run(model.ToBytes(), ("x", Fixtures.Tensor<float>([1, 3, 1, 2], 1, 0, 1, 0, 1, 10)));

        Assert.Equal([(4 * 10) - 1 + (37 * 20) - 1f], output);
    }

    [Fact]
    public void Attributes_OfEveryKind_AreReadBack()
    {
        using OnnxModel model = Fixtures.Open("conv");
        Node node = new("Op", ["", "x"], ["z"]) { Domain = "d", Name = "n" };
        node.Set(OnnxAttribute.Of("int", -7));
        node.Set(OnnxAttribute.Of("int", -8));
        node.Set(OnnxAttribute.Of("ints", [1, -1, long.MinValue]));
        node.Set(OnnxAttribute.Of("float", 0.5f));
        node.Set(OnnxAttribute.Of("floats", [0.5f, float.NaN]));
        node.Set(OnnxAttribute.Of("text", "ä"));
        node.Set(OnnxAttribute.Of("texts", ["a", ""]));
        node.Set(OnnxAttribute.Of("tensor", Tensor.Create("t", [1, 2], [1, 2])));
        node.Set(OnnxAttribute.Of("graph", new Graph { Name = "body" }));
        model.Graph.Nodes.Add(node);

        Node read = OnnxModel.Parse(model.ToBytes()).Graph.Nodes[^1];

        Assert.Equal(("Op", "d", "n"), (read.OpType, read.Domain, read.Name));
        Assert.Equal(["", "x"], read.Inputs);
        Assert.Equal(
            [
                AttributeType.Int, AttributeType.Ints, AttributeType.Float, AttributeType.Floats, AttributeType.String,
                AttributeType.Strings, AttributeType.Tensor, AttributeType.Graph,
            ],
            read.Attributes.Select(attribute => attribute.Type));
        Assert.Equal((-8, 3), (read.Int("int", 3), read.Int("none", 3)));
        Assert.Equal([1, -1, long.MinValue], read.Ints("ints")!);
        Assert.Equal((0.5f, 3), (read.Float("float", 3), read.Float("none", 3)));
        Assert.Equal([0.5f, float.NaN], read.Floats("floats")!);
        Assert.Equal("ä", read.Text("text"));
        Assert.Equal(["a", ""], read.Attribute("texts")!.Texts());
        Assert.Equal([1, 2], read.Attribute("tensor")!.Tensor!.ReadInt64s());
        Assert.Equal("body", read.Attribute("graph")!.Graph!.Name);
        Assert.Null(read.Ints("none"));
    }
}
