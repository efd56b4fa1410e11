using System.Runtime.InteropServices;
using OnnxGraph;

namespace InferenceServer.Cli.Optimize;

/// <summary>Writes a graph in 8 bits: QuantizeLinear and DequantizeLinear round the nodes of a plan, which the runtime fuses
/// into operators on integers.</summary>
/// <remarks>Weights are symmetric, with a scale for each output channel; values between nodes are uint8, with a scale and a
/// zero point for each value; 0 is exact, as padding and ReLU need it. A bias is int32, in steps of both scales.</remarks>
internal sealed class Quantizer
{
    private const int Steps = 255;
    private const float SmallestScale = 1e-12f;

    // Half of what int32 holds: the sum of products is added to the bias.
    private const double LargestBias = 1 << 30;

    // Since this version DequantizeLinear has an axis. Before it, the runtime's own operator does the same.
    private const int FirstWithAxis = 13;
    private const string RuntimeDomain = "com.microsoft";

    private readonly OnnxModel _model;
    private readonly QuantizationPlan _plan;
    private readonly IReadOnlyDictionary<string, ValueRange> _ranges;
    private readonly int _largestWeight;
    private readonly string _domain;
    private readonly HashSet<string> _names;
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, string> _back = [];
    private readonly Dictionary<string, (string Values, string Scale, string Point)> _narrow = [];
    private readonly Dictionary<string, float[]> _weightScales = [];

    private Quantizer(OnnxModel model, QuantizationPlan plan, IReadOnlyDictionary<string, ValueRange> ranges, int weightBits)
    {
        (_model, _plan, _ranges) = (model, plan, ranges);
        _largestWeight = (1 << (weightBits - 1)) - 1;
        _domain = model.Opset >= FirstWithAxis ? "" : RuntimeDomain;
        _names =
        [
            .. model.Graph.Nodes.SelectMany(node => node.Outputs.Concat(node.Inputs)),
            .. model.Graph.Initializers.Select(initializer => initializer.Name),
        ];
    }

    /// <summary>Quantises a graph in place.</summary>
    /// <param name="model">The float graph.</param>
    /// <param name="plan">Its plan.</param>
    /// <param name="ranges">The range of each value of the plan.</param>
    /// <param name="weightBits">8, or 7 where the processor adds products of 8 bits in 16 and saturates.</param>
    /// <param name="means">The mean of each channel of values that go into convolutions: what rounded weights change in a
    /// channel's mean is taken back through the bias.</param>
    public static void Quantize(
        OnnxModel model, QuantizationPlan plan, IReadOnlyDictionary<string, ValueRange> ranges, int weightBits,
        IReadOnlyDictionary<string, float[]> means) =>
        new Quantizer(model, plan, ranges, weightBits).Rewrite(means);

    private void Rewrite(IReadOnlyDictionary<string, float[]> means)
    {
        Graph graph = _model.Graph;
        Dictionary<Node, WeightedNode> weighted = _plan.Weighted.ToDictionary(node => node.Node);
        Dictionary<string, float[]> biases = _plan.Weighted.Where(node => node.Bias is not null)
            .ToDictionary(node => node.Node.Outputs[0], node => node.Bias!.ReadFloats());
        ChooseWeightScales(biases);
        foreach (string input in graph.Inputs.Select(input => input.Name).Where(_plan.Values.Contains))
        {
            GoThrough8Bits(input, input);
        }

        HashSet<string> replaced = [];
        foreach (Node node in graph.Nodes.ToList())
        {
            if (replaced.Contains(node.Outputs[0]))
            {
                continue;
            }

            if (_plan.IsIntegerRelu(node))
            {
                ClipIntegers(node.Inputs[0], node.Outputs[0]);
                continue;
            }

            if (weighted.TryGetValue(node, out WeightedNode? heavy))
            {
                QuantizeConstants(heavy, biases.GetValueOrDefault(node.Outputs[0]), means.GetValueOrDefault(node.Inputs[0]));
            }

            for (int i = 0; i < node.Inputs.Count; i++)
            {
                node.Inputs[i] = _back.GetValueOrDefault(node.Inputs[i], node.Inputs[i]);
            }

            _nodes.Add(node);
            string result = _plan.ResultOf(node) ?? node.Outputs[0];
            if (_plan.Values.Contains(result))
            {
                if (result != node.Outputs[0])
                {
                    replaced.Add(result);
                }

                GoThrough8Bits(node.Outputs[0], result);
            }
        }

        graph.Nodes.Clear();
        _nodes.ForEach(graph.Nodes.Add);
        HashSet<string> used = [.. _nodes.SelectMany(Used), .. graph.Outputs.Select(output => output.Name)];
        foreach (Tensor unused in graph.Initializers.Where(tensor => !used.Contains(tensor.Name)).ToList())
        {
            graph.Initializers.Remove(unused);
        }

        graph.ValueInfos.Clear(); // some of these values do not exist any more
        if (_domain.Length > 0 && _model.Opsets.All(opset => opset.Domain != _domain))
        {
            _model.Opsets.Add(new OpsetImport(_domain, 1));
        }
    }

    // Whatever used `result` uses a copy of `value` that went through 8 bits.
    private void GoThrough8Bits(string value, string result)
    {
        ValueRange range = _ranges[_plan.StepsOf(result)];
        (float step, byte zero) = range.Steps(Steps);
        string scale = Constant($"{result}_scale", [step]), point = Constant($"{result}_zero_point", ElementType.UInt8, [], [zero]);
        string narrow = Name($"{result}_quantized"), back = Name($"{result}_dequantized");
        _nodes.Add(new Node("QuantizeLinear", [value, scale, point], [narrow]) { Domain = _domain, Name = narrow });
        _nodes.Add(new Node("DequantizeLinear", [narrow, scale, point], [back]) { Domain = _domain, Name = back });
        _back[result] = back;
        _narrow[result] = (narrow, scale, point);
    }

    // The integer that stands for 0 is the smallest that stays.
    private void ClipIntegers(string value, string result)
    {
        (string values, string scale, string point) = _narrow[value];
        string narrow = Name($"{result}_quantized"), back = Name($"{result}_dequantized");
        _nodes.Add(new Node("Clip", [values, point], [narrow]) { Name = narrow });
        _nodes.Add(new Node("DequantizeLinear", [narrow, scale, point], [back]) { Domain = _domain, Name = back });
        _back[result] = back;
        _narrow[result] = (narrow, scale, point);
    }

    private void QuantizeConstants(WeightedNode heavy, float[]? bias, float[]? means)
    {
        float[] scales = _weightScales[heavy.Weights.Name];
        sbyte[] weights = Rounded(heavy, scales);
        if (!_back.ContainsKey(heavy.Weights.Name))
        {
            byte[] bytes = MemoryMarshal.AsBytes<sbyte>(weights).ToArray();
            Dequantize(heavy.Weights.Name, ElementType.Int8, heavy.Weights.Dims, bytes, scales, heavy.Axis);
        }

        if (bias is null)
        {
            return;
        }

        if (means is not null)
        {
            Correct(bias, heavy, weights, scales, means);
        }

        float input = _ranges[_plan.StepsOf(heavy.Node.Inputs[0])].Steps(Steps).Step;
        float[] steps = Array.ConvertAll(scales, scale => scale * input);
        int[] rounded = [.. bias.Zip(steps, (value, step) => (int)Math.Round(value / (double)step))];
        string own = Name($"{heavy.Node.Outputs[0]}_bias");
        Dequantize(own, ElementType.Int32, [rounded.Length], MemoryMarshal.AsBytes<int>(rounded).ToArray(), steps, axis: 0);
        heavy.Node.Inputs[2] = own;
    }

    private void Dequantize(string name, ElementType type, long[] dims, byte[] values, float[] scales, int axis)
    {
        string narrow = Constant($"{name}_quantized", type, dims, values), scale = Constant($"{name}_scale", scales, isScalar: false);
        int width = type == ElementType.Int32 ? sizeof(int) : sizeof(sbyte);
        string point = Constant($"{name}_zero_point", type, [scales.Length], new byte[scales.Length * width]);
        string back = Name($"{name}_dequantized");
        Node node = new("DequantizeLinear", [narrow, scale, point], [back]) { Domain = _domain, Name = back };
        node.Set(OnnxAttribute.Of("axis", (long)axis));
        _nodes.Add(node);
        _back[name] = back;
    }

    // A channel with small weights and a large bias needs a larger scale: in steps of a tiny scale its bias would not fit.
    private void ChooseWeightScales(Dictionary<string, float[]> biases)
    {
        foreach (WeightedNode heavy in _plan.Weighted)
        {
            float[] largest = Largest(heavy);
            float input = _ranges[_plan.StepsOf(heavy.Node.Inputs[0])].Steps(Steps).Step;
            float[] bias = biases.GetValueOrDefault(heavy.Node.Outputs[0]) ?? new float[largest.Length];
            float[] scales = _weightScales.GetValueOrDefault(heavy.Weights.Name) ?? new float[largest.Length];
            for (int channel = 0; channel < scales.Length; channel++)
            {
                float forWeights = Math.Max(SmallestScale, largest[channel] / _largestWeight);
                float forBias = (float)(Math.Abs(bias[channel]) / (input * LargestBias));
                scales[channel] = Math.Max(scales[channel], Math.Max(forWeights, forBias));
            }

            _weightScales[heavy.Weights.Name] = scales;
        }
    }

    private static float[] Largest(WeightedNode heavy)
    {
        (int outer, int channels, int inner) = Axes(heavy);
        float[] values = heavy.Weights.ReadFloats(), largest = new float[channels];
        for (int i = 0; i < values.Length; i++)
        {
            int channel = i / inner % channels;
            largest[channel] = Math.Max(largest[channel], Math.Abs(values[i]));
        }

        return outer > 0 ? largest : [];
    }

    private sbyte[] Rounded(WeightedNode heavy, float[] scales)
    {
        (_, int channels, int inner) = Axes(heavy);
        float[] values = heavy.Weights.ReadFloats();
        sbyte[] rounded = new sbyte[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            float step = MathF.Round(values[i] / scales[i / inner % channels]);
            rounded[i] = (sbyte)Math.Clamp(step, -_largestWeight, _largestWeight);
        }

        return rounded;
    }

    private static (int Outer, int Channels, int Inner) Axes(WeightedNode heavy)
    {
        ReadOnlySpan<long> dims = heavy.Weights.Dims;
        return (Product(dims[..heavy.Axis]), (int)dims[heavy.Axis], Product(dims[(heavy.Axis + 1)..]));
    }

    private static int Product(ReadOnlySpan<long> dims)
    {
        long product = 1;
        foreach (long dim in dims)
        {
            product *= dim;
        }

        return checked((int)product);
    }

    // Adds what the rounding of the weights takes from the mean of each output channel, but for the image's border.
    private static void Correct(float[] bias, WeightedNode heavy, sbyte[] weights, float[] scales, float[] means)
    {
        float[] values = heavy.Weights.ReadFloats();
        (int inputs, int kernel) = ((int)heavy.Weights.Dims[1], Product(heavy.Weights.Dims.AsSpan(2)));
        int perGroup = bias.Length / (int)heavy.Node.Int("group", 1);
        for (int channel = 0, at = 0; channel < bias.Length; channel++)
        {
            int first = channel / perGroup * inputs;
            double lost = 0;
            for (int input = 0; input < inputs; input++)
            {
                for (int i = 0; i < kernel; i++, at++)
                {
                    lost += (values[at] - (weights[at] * (double)scales[channel])) * means[first + input];
                }
            }

            bias[channel] += (float)lost;
        }
    }

    private static IEnumerable<string> Used(Node node) =>
        node.Inputs.Concat(node.Subgraphs.SelectMany(body => body.Nodes.SelectMany(Used).Concat(body.Outputs.Select(o => o.Name))));

    private string Constant(string stem, float[] values, bool isScalar = true) =>
        Constant(stem, ElementType.Float32, isScalar ? [] : [values.Length], MemoryMarshal.AsBytes<float>(values).ToArray());

    private string Constant(string stem, ElementType type, long[] dims, byte[] values)
    {
        string name = Name(stem);
        _model.Graph.Initializers.Add(Tensor.Create(name, type, dims, values));
        return name;
    }

    private string Name(string stem)
    {
        string name = stem;
        for (int i = 1; !_names.Add(name); i++)
        {
            name = $"{stem}_{i}";
        }

        return name;
    }
}

/// <summary>The smallest and the largest value that occurred.</summary>
internal readonly record struct ValueRange(float Least, float Most)
{
    private const float Narrowest = 1e-6f;

    /// <summary>The range of nothing.</summary>
    public static ValueRange None { get; } = new(float.PositiveInfinity, float.NegativeInfinity);

    /// <summary>The range that holds both.</summary>
    public ValueRange With(ValueRange other) => new(Math.Min(Least, other.Least), Math.Max(Most, other.Most));

    /// <summary>The step between two neighbours of <paramref name="count"/> + 1 numbers over the range, and the number that
    /// stands for 0 exactly.</summary>
    public (float Step, byte Zero) Steps(int count)
    {
        float least = Math.Min(Least, 0), most = Math.Max(Most, 0);
        float step = Math.Max(most - least, Narrowest) / count;
        return (step, (byte)Math.Clamp(MathF.Round(-least / step), 0, count));
    }
}
