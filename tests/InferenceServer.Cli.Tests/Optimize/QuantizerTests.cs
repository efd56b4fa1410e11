using InferenceServer.Cli.Optimize;
using InferenceServer.Runtime.Sessions;
using OnnxGraph;

namespace InferenceServer.Cli.Tests.Optimize;

public sealed class QuantizerTests
{
    /// <summary>The weights that this processor multiplies without overflow.</summary>
    public static TheoryData<int> WeightBits => ProcessorTraits.Current.WeightBits == 8 ? [8, 7] : [7];

    [Theory]
    [MemberData(nameof(WeightBits))]
    public void Quantize_ConvolutionsAndActivation_StaysNearFloat(int weightBits)
    {
        ToyGraph toy = new ToyGraph()
            .Conv("x", "a", [0.5f, -0.25f, 1, 0.75f, -0.5f, 0.1f], 0.1f, -0.2f, 0.3f)
            .Node("Relu", ["a"], "b")
            .Conv("b", "y", [1, 0.5f, -1, 0.2f, 0.4f, 0.6f], 0, 0.5f)
            .Returns("y");

        AssertNear(toy, toy.Quantized(weightBits), tolerance: 0.04f);
    }

    [Theory]
    [InlineData(0.8f)]
    [InlineData(-300f)]
    [InlineData(1e-7f)]
    public void Quantize_DeadChannel_KeepsItsBias(float bias)
    {
        // In steps of a scale that fits the weights alone, such a bias would leave int32.
        ToyGraph toy = new ToyGraph().Conv("x", "y", [0.5f, 0.5f, 0, 0], 0.1f, bias).Returns("y");
        QuantizationPlan plan = QuantizationPlan.Create(toy.Model, new HashSet<string>(), endsToo: true);
        Assert.Empty(plan.Weighted); // what the graph returns is no 8 bits

        toy = new ToyGraph().Conv("x", "a", [0.5f, 0.5f, 0, 0], 0.1f, bias).Node("Identity", ["a"], "y").Returns("y");
        float[] dead = [.. ToyGraph.Run(toy.Quantized(), ToyGraph.Input(1), "y").Single().Skip(64)];

        float step = (Math.Max(1.1f, bias) - Math.Min(-0.9f, bias)) / 255;
        Assert.All(dead, value => Assert.InRange(value, bias - step, bias + step));
    }

    [Fact]
    public void Quantize_WeightsOfTwoConvolutions_FitBothBiases()
    {
        ToyGraph toy = new ToyGraph().Conv("x", "a", [1e-9f, 0, 0, 1e-9f], 0, 0.5f);
        toy.Model.Graph.Initializers.Add(Tensor.Create("b_b", [2], [0.7f, 0]));
        toy.Node("Conv", ["x", "a_w", "b_b"], "b").Node("Add", ["a", "b"], "c").Node("Identity", ["c"], "y").Returns("y");

        AssertNear(toy, toy.Quantized(), tolerance: 0.01f);
    }

    [Fact]
    public void Quantize_LayerThatReturnedToFloat_LeavesTheNextItsSteps()
    {
        // "b" has the steps of "a" as long as "a" is 8 bits.
        ToyGraph toy = new ToyGraph()
            .Conv("x", "a", [0.5f, -0.25f, 1, 0.75f], 0.1f, -0.2f)
            .Node("Relu", ["a"], "b")
            .Conv("b", "c", [1, 0.5f, -1, 0.2f], 0, 0.5f)
            .Node("Add", ["a", "c"], "d")
            .Node("Identity", ["d"], "y")
            .Returns("y");
        QuantizationPlan whole = QuantizationPlan.Create(toy.Model, new HashSet<string>(), endsToo: true);
        Assert.Equal("a", whole.StepsOf("b"));
        Dictionary<string, ValueRange> ranges = new() { ["x"] = new(-1, 1), ["a"] = new(-2, 2), ["c"] = new(-4, 4), ["d"] = new(-5, 5) };
        whole.AddRanges(ranges);
        OnnxModel copy = OnnxModel.Parse(toy.Model.ToBytes());
        QuantizationPlan rest = QuantizationPlan.Create(copy, new HashSet<string> { "a" }, endsToo: true);

        Quantizer.Quantize(copy, rest, ranges, ProcessorTraits.Current.WeightBits, new Dictionary<string, float[]>());

        Assert.Equal("b", rest.StepsOf("b"));
        AssertNear(toy, copy, tolerance: 0.05f);
    }

    [Fact]
    public void Quantize_OperatorsBetween_StayNearFloat()
    {
        ToyGraph toy = new ToyGraph();
        toy.Model.Graph.Initializers.Add(Tensor.Create("scales", [4], [1f, 1f, 2f, 2f]));
        toy.Model.Graph.Initializers.Add(Tensor.Create("low", [], [0f]));
        toy.Model.Graph.Initializers.Add(Tensor.Create("high", [], [6f]));
        toy.Conv("x", "a", [2, -1, 0.5f, 3], 0.5f, -0.5f)
            .Node("Clip", ["a", "low", "high"], "b")
            .Node("MaxPool", ["b"], "c", OnnxAttribute.Of("kernel_shape", [2L, 2L]), OnnxAttribute.Of("strides", [2L, 2L]))
            .Node("Resize", ["c", "", "scales"], "d", OnnxAttribute.Of("mode", "nearest"))
            .Conv("b", "e", [1, 0, 0, 1], 0.25f, 0)
            .Node("Concat", ["d", "e"], "f", OnnxAttribute.Of("axis", 1L))
            .Node("Sigmoid", ["f"], "g")
            .Node("Mul", ["f", "g"], "h")
            .Conv("h", "y", [1, 0.5f, -1, 0.2f, 0.4f, 0.6f, -0.1f, 0.3f], 0, 0.5f)
            .Returns("y");

        AssertNear(toy, toy.Quantized(), tolerance: 0.15f);
    }

    [Fact]
    public void Quantize_ReluOfAValueWithOtherUses_IsAClipOfIntegers()
    {
        ToyGraph toy = new ToyGraph()
            .Conv("x", "a", [0.5f, -0.25f, 1, 0.75f], 0.1f, -0.2f)
            .Node("Relu", ["a"], "b")
            .Conv("b", "c", [1, 0.5f, -1, 0.2f], 0, 0.5f)
            .Node("Add", ["a", "c"], "d")
            .Conv("d", "y", [1, 0.5f, -1, 0.2f], 0, 0.5f)
            .Returns("y");

        OnnxModel made = toy.Quantized();

        Node clip = Assert.Single(made.Graph.Nodes, node => node.OpType == "Clip");
        Assert.Equal("QuantizeLinear", made.Graph.Producer(clip.Inputs[0])!.OpType);
        Assert.DoesNotContain(made.Graph.Nodes, node => node.OpType == "Relu");
        AssertNear(toy, made, tolerance: 0.05f);
    }

    [Fact]
    public void Quantize_BilinearResize_KeepsTheMean()
    {
        // ONNX Runtime's resize of integers would cut their fractions off, half a step on average.
        ToyGraph toy = new ToyGraph();
        toy.Model.Graph.Initializers.Add(Tensor.Create("scales", [4], [1f, 1f, 3f, 3f]));
        toy.Conv("x", "a", [1, 0.5f, -1, 0.7f], 3f, 3f)
            .Node("Resize", ["a", "", "scales"], "b", OnnxAttribute.Of("mode", "linear"))
            .Conv("b", "y", [1, 0, 0, 1], 0, 0)
            .Returns("y");
        const float step = 4.7f / 255;

        OnnxModel made = toy.Quantized();

        double lost = Enumerable.Range(50, 20).Average(seed =>
            ToyGraph.Run(toy.Model, ToyGraph.Input(seed), "y").Single().Average()
            - ToyGraph.Run(made, ToyGraph.Input(seed), "y").Single().Average());
        Assert.InRange(lost / step, -0.15, 0.15);
    }

    [Fact]
    public void Quantize_OldOperatorSet_TakesTheRuntimesOwnOperators()
    {
        ToyGraph toy = new ToyGraph().Conv("x", "a", [0.5f, -0.25f, 1, 0.75f], 0.1f, -0.2f).Node("Relu", ["a"], "y").Returns("y");
        toy.Node("Identity", ["y"], "z").Returns("z");
        toy.Model.Opsets.Clear();
        toy.Model.Opsets.Add(new OpsetImport("", 11));

        OnnxModel made = toy.Quantized();

        Assert.Contains(made.Opsets, opset => opset.Domain == "com.microsoft");
        AssertNear(toy, made, tolerance: 0.03f, output: "z");
    }

    [Fact]
    public void Create_LastConvolution_StaysFloat()
    {
        ToyGraph toy = new ToyGraph()
            .Conv("x", "a", [1, 0, 0, 1], 0, 0)
            .Node("Relu", ["a"], "b")
            .Conv("b", "c", [1, 0, 0, 1], 0, 0)
            .Node("Softmax", ["c"], "y", OnnxAttribute.Of("axis", 1L))
            .Returns("y");

        QuantizationPlan plan = QuantizationPlan.Create(toy.Model, new HashSet<string>(), endsToo: false);

        Assert.Equal(["a"], plan.Weighted.Select(node => node.Node.Outputs[0]));
        Assert.Equal(["b", "x"], plan.Values.Order());
        Assert.Equal(2, plan.Candidates);
    }

    [Fact]
    public void Create_NodeThatStays_IsFloat()
    {
        ToyGraph toy = new ToyGraph()
            .Conv("x", "a", [1, 0, 0, 1], 0, 0)
            .Conv("a", "b", [1, 0, 0, 1], 0, 0)
            .Conv("b", "c", [1, 0, 0, 1], 0, 0)
            .Returns("c");

        QuantizationPlan plan = QuantizationPlan.Create(toy.Model, new HashSet<string> { "a" }, endsToo: false);

        Assert.Equal(["b"], plan.Weighted.Select(node => node.Node.Outputs[0]));
    }

    [Fact]
    public void WithoutOutliers_RareValues_AreLeftOut()
    {
        Histogram histogram = new(new ValueRange(-100, 100));
        histogram.Add([.. Enumerable.Range(0, 100_000).Select(i => (i % 1000 / 500f) - 1), -100, 100]);

        ValueRange range = histogram.WithoutOutliers();

        Assert.InRange(range.Least, -1.2f, -0.9f);
        Assert.InRange(range.Most, 0.9f, 1.2f);
    }

    [Fact]
    public void OfLeastDivergence_LongTail_IsCut()
    {
        Random random = new(5);
        Histogram histogram = new(new ValueRange(0, 40));
        histogram.Add([.. Enumerable.Range(0, 200_000).Select(_ => Math.Min(-MathF.Log(1 - random.NextSingle()), 40))]);
        Histogram even = new(new ValueRange(0, 1));
        even.Add([.. Enumerable.Range(0, 200_000).Select(i => i / 200_000f)]);

        Assert.InRange(histogram.OfLeastDivergence().Most, 6, 25);
        Assert.InRange(even.OfLeastDivergence().Most, 0.97f, 1.01f);
    }

    [Fact]
    public void Convert_Float16_KeepsInputsAndOutputs()
    {
        ToyGraph toy = new ToyGraph();
        toy.Model.Graph.Initializers.Add(Tensor.Create("scales", [4], [1f, 1f, 2f, 2f]));
        toy.Conv("x", "a", [0.5f, -0.25f, 1, 0.75f], 0.1f, -0.2f)
            .Node("Resize", ["a", "", "scales"], "y", OnnxAttribute.Of("mode", "linear"))
            .Returns("y");
        OnnxModel made = OnnxModel.Parse(toy.Model.ToBytes());

        Float16Converter.Convert(made);

        Assert.Equal(ElementType.Float16, made.Graph.Initializer("a_w")!.Type);
        Assert.Equal(ElementType.Float32, made.Graph.Initializer("scales")!.Type);
        AssertNear(toy, made, tolerance: 0.005f);
    }

    private static void AssertNear(ToyGraph toy, OnnxModel made, float tolerance, string output = "y")
    {
        for (int seed = 20; seed < 24; seed++)
        {
            float[] wanted = ToyGraph.Run(toy.Model, ToyGraph.Input(seed), output).Single();
            float[] got = ToyGraph.Run(made, ToyGraph.Input(seed), output).Single();
            Assert.Equal(wanted.Length, got.Length);
            Assert.All(wanted.Zip(got), pair => Assert.InRange(pair.Second, pair.First - tolerance, pair.First + tolerance));
        }
    }
}
