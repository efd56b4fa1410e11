using InferenceServer.Cli.Optimize;
using InferenceServer.Runtime.Sessions;
using Microsoft.ML.OnnxRuntime;
using OnnxGraph;

namespace InferenceServer.Cli.Tests.Optimize;

/// <summary>Small graphs, node by node.</summary>
internal sealed class ToyGraph
{
    /// <summary>A graph with the input <c>x</c>, 1×2×8×8.</summary>
    public ToyGraph()
    {
        Model = OnnxModel.Parse(File.ReadAllBytes(Path.Combine(Cli.Models, "tiny", "1", "model.onnx")));
        Graph graph = Model.Graph;
        graph.Nodes.Clear();
        graph.Initializers.Clear();
        graph.Inputs.Clear();
        graph.Outputs.Clear();
        graph.ValueInfos.Clear();
        graph.Inputs.Add(new ValueInfo("x", ElementType.Float32, [new(1), new(2), new(8), new(8)]));
    }

    public OnnxModel Model { get; }

    public ToyGraph Node(string type, string[] inputs, string output, params OnnxAttribute[] attributes)
    {
        Node node = new(type, inputs, [output]);
        foreach (OnnxAttribute attribute in attributes)
        {
            node.Set(attribute);
        }

        Model.Graph.Nodes.Add(node);
        return this;
    }

    /// <summary>A convolution of one pixel: a matrix of weights for each output channel, and a bias.</summary>
    public ToyGraph Conv(string input, string output, float[] weights, params float[] bias)
    {
        int channels = bias.Length;
        Model.Graph.Initializers.Add(Tensor.Create(output + "_w", [channels, weights.Length / channels, 1, 1], weights));
        Model.Graph.Initializers.Add(Tensor.Create(output + "_b", [channels], bias));
        return Node("Conv", [input, output + "_w", output + "_b"], output);
    }

    public ToyGraph Returns(params string[] outputs)
    {
        foreach (string output in outputs)
        {
            Model.Graph.Outputs.Add(new ValueInfo(output, ElementType.Float32, shape: null));
        }

        return this;
    }

    /// <summary>A copy in 8 bits, its ranges those of some random inputs.</summary>
    /// <param name="weightBits">Bits of a weight; null for as many as this processor multiplies without overflow.</param>
    public OnnxModel Quantized(int? weightBits = null)
    {
        OnnxModel copy = OnnxModel.Parse(Model.ToBytes());
        QuantizationPlan plan = QuantizationPlan.Create(copy, new HashSet<string>(), endsToo: true);
        OnnxModel tapped = OnnxModel.Parse(Model.ToBytes());
        string[] values = [.. plan.Values.Where(value => value != "x")];
        foreach (string value in values.Except(tapped.Graph.Outputs.Select(output => output.Name)).ToList())
        {
            tapped.Graph.Outputs.Add(new ValueInfo(value, ElementType.Float32, shape: null));
        }

        Dictionary<string, ValueRange> ranges = new() { ["x"] = new ValueRange(-1, 1) };
        for (int seed = 0; seed < 8; seed++)
        {
            foreach ((string value, float[] numbers) in values.Zip(Run(tapped, Input(seed), values)))
            {
                ValueRange seen = new(numbers.Min(), numbers.Max());
                ranges[value] = ranges.TryGetValue(value, out ValueRange before) ? before.With(seen) : seen;
            }
        }

        Quantizer.Quantize(copy, plan, ranges, weightBits ?? ProcessorTraits.Current.WeightBits, new Dictionary<string, float[]>());
        return copy;
    }

    public static float[] Input(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, 2 * 8 * 8).Select(_ => (random.NextSingle() * 2) - 1)];
    }

    public static IEnumerable<float[]> Run(OnnxModel model, float[] input, params string[] outputs)
    {
        using InferenceSession session = new(model.ToBytes());
        using OrtValue value = OrtValue.CreateTensorValueFromMemory(input, [1, 2, 8, 8]);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> results = session.Run(options, ["x"], [value], outputs);
        return [.. results.Select(result => result.GetTensorDataAsSpan<float>().ToArray())];
    }
}
