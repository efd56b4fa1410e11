namespace OnnxGraph.Tests;

/// <summary>The code in README.md compiles and runs.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Readme_Code_IsTheSample()
    {
        string[] readme = Between(ReadLines("README.md"), "```csharp", "```");
        string[] sample = Between(ReadLines("ReadmeTests.cs"), "        // <sample>", "        // </sample>");

        Assert.Equal(
            ["using OnnxGraph;", "", .. sample.Select(line => line[8..])],
            readme.Select(line => line.Replace("\"model.onnx\"", "file", StringComparison.Ordinal)));
    }

    [Fact]
    public void Sample_Convolution_TakesNhwc() =>
        Assert.Equal([4f], Fixtures.Run(Sample(Fixtures.PathOf("conv")), ("x", Fixtures.Tensor<float>([1, 1, 1, 3], 1, 1, 1))));

    private static byte[] Sample(string file)
    {
        // <sample>
        // Puts a Transpose before the network, so that it takes NHWC.
        using OnnxModel model = OnnxModel.Open(file);
        Graph graph = model.Graph;
        ValueInfo input = graph.Inputs[0];
        string planes = graph.UniqueName(input.Name + "_nchw");
        graph.ReplaceUses(input.Name, planes);
        Node transpose = new("Transpose", [input.Name], [planes]) { Attributes = [OnnxAttribute.Of("perm", [0, 3, 1, 2])] };
        graph.Nodes.Insert(0, transpose);
        input.Shape = [input.Shape![0], input.Shape[2], input.Shape[3], input.Shape[1]];
        byte[] edited = model.ToBytes();
        // </sample>
        return edited;
    }

    private static string[] ReadLines(string file) => File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, file));

    private static string[] Between(string[] lines, string begin, string end) =>
        [.. lines.SkipWhile(line => line != begin).Skip(1).TakeWhile(line => line != end)];
}
