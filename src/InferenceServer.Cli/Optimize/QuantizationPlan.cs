using OnnxGraph;

namespace InferenceServer.Cli.Optimize;

/// <summary>Which nodes of a graph compute in 8 bits, and which values become 8 bits between them.</summary>
/// <remarks>A node computes in 8 bits where the runtime has an operator for it whose inputs and output are 8 bits; it finds
/// such nodes by the QuantizeLinear and DequantizeLinear round them. Everything else stays float32.</remarks>
internal sealed class QuantizationPlan
{
    // The runtime has these in 8 bits, and their output has a range of its own.
    private static readonly string[] Following = ["Add", "Mul", "Concat", "GlobalAveragePool", "AveragePool", "Sigmoid", "LeakyRelu"];

    // Their output has values of the first input only, so that both have the same steps.
    private static readonly string[] Passing =
        ["MaxPool", "Resize", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Expand"];

    // Quantisation cuts where they do: the range of their output begins at 0 and ends at the limit.
    private static readonly string[] Saturating = ["Relu", "Clip"];

    // Since this version Clip takes integers.
    private const int FirstWithIntegerClip = 12;

    private readonly Dictionary<string, Node> _producers = [];
    private readonly Dictionary<string, List<Node>> _consumers = [];
    private readonly HashSet<string> _outside = []; // values that the graph returns or a subgraph uses
    private readonly HashSet<string> _values = [];
    private readonly List<WeightedNode> _weighted = [];
    private readonly Dictionary<Node, string> _results = [];
    private readonly Dictionary<string, string> _steps = [];

    private QuantizationPlan(Graph graph)
    {
        foreach (Node node in graph.Nodes)
        {
            foreach (string output in node.Outputs)
            {
                _producers[output] = node;
            }

            foreach (string input in node.Inputs)
            {
                if (!_consumers.TryGetValue(input, out List<Node>? users))
                {
                    _consumers.Add(input, users = []);
                }

                users.Add(node);
            }

            _outside.UnionWith(node.Subgraphs.SelectMany(body => body.Nodes).SelectMany(inner => inner.Inputs));
        }

        _outside.UnionWith(graph.Outputs.Select(output => output.Name));
    }

    /// <summary>Values that become 8 bits.</summary>
    public IReadOnlySet<string> Values => _values;

    /// <summary>Nodes with weights that compute in 8 bits, in the order of the graph.</summary>
    public IReadOnlyList<WeightedNode> Weighted => _weighted;

    /// <summary>Nodes with weights that could compute in 8 bits, first and last ones included.</summary>
    public int Candidates { get; private init; }

    /// <summary>The value whose steps a value has: its own name, or that of the value it consists of.</summary>
    public string StepsOf(string value)
    {
        while (_steps.TryGetValue(value, out string? source))
        {
            value = source;
        }

        return value;
    }

    /// <summary>Gives values that have another's steps the range of that value: they need steps of their own where the layer
    /// before them returns to float.</summary>
    public void AddRanges(Dictionary<string, ValueRange> ranges)
    {
        foreach (string value in _values)
        {
            ranges.TryAdd(value, ranges[StepsOf(value)]);
        }
    }

    /// <summary>The value that a node's 8 bits stand for: its output, or that of the activation behind it, which the steps
    /// replace. Null where the node stays float32.</summary>
    public string? ResultOf(Node node) => _results.GetValueOrDefault(node);

    /// <summary>Whether a node cuts negative values off a value that is 8 bits already and has other uses, so that the steps of
    /// the value cannot do that. The runtime's own way is float32; a Clip of the integers is the same.</summary>
    public bool IsIntegerRelu(Node node) => node.OpType == "Relu" && ResultOf(node) == node.Outputs[0];

    /// <summary>Plans a graph.</summary>
    /// <param name="model">The graph's nodes are sorted, producers before consumers.</param>
    /// <param name="stays">Outputs of nodes with weights that stay float32.</param>
    /// <param name="endsToo">Whether the nodes that give the scores compute in 8 bits, too: 256 steps make ties of near
    /// classes.</param>
    public static QuantizationPlan Create(OnnxModel model, IReadOnlySet<string> stays, bool endsToo)
    {
        Graph graph = model.Graph;
        WeightedNode[] candidates = [.. graph.Nodes.Select(node => WeightedNode.Of(node, graph)).OfType<WeightedNode>()];
        QuantizationPlan plan = new(graph) { Candidates = candidates.Length };
        HashSet<string> last = endsToo ? [] : plan.Last(graph, [.. candidates.Select(c => c.Node)]);
        foreach (WeightedNode candidate in candidates)
        {
            string output = candidate.Node.Outputs[0];
            if (!stays.Contains(output) && !last.Contains(output) && !plan._outside.Contains(output))
            {
                plan._weighted.Add(candidate);
                plan._values.Add(candidate.Node.Inputs[0]);
                plan.Finish(candidate.Node);
            }
        }

        plan.AddOperators(graph, hasIntegerClip: model.Opset >= FirstWithIntegerClip);
        return plan;
    }

    private void AddOperators(Graph graph, bool hasIntegerClip)
    {
        // A concatenation is cheap in 8 bits only where all its inputs are.
        foreach (Node node in graph.Nodes.Reverse().Where(node => node.OpType == "Concat" && _values.Contains(node.Outputs[0])))
        {
            _values.UnionWith(node.Inputs.Where(_producers.ContainsKey));
        }

        foreach (Node node in graph.Nodes.Where(node => node.Outputs.Count == 1 && !_results.ContainsKey(node)))
        {
            if (Following.Contains(node.OpType) && node.Inputs.All(_values.Contains))
            {
                Finish(node);
            }
            else if (_values.Contains(node.Inputs[0]) && (IsPassing(node) || (hasIntegerClip && IsFreeRelu(node))))
            {
                _results.Add(node, node.Outputs[0]);
                _values.Add(node.Outputs[0]);
                _steps[node.Outputs[0]] = node.Inputs[0];
            }
        }
    }

    private bool IsFreeRelu(Node node) => node.OpType == "Relu" && !_outside.Contains(node.Outputs[0]);

    private static bool IsPassing(Node node) => Passing.Contains(node.OpType) && IsExact(node);

    private static bool IsExact(Node node) =>
        node.OpType != "Resize"
        || node.Text("mode") is null or "nearest"
        || (node.Text("mode") == "linear" && node.Int("antialias", 0) == 0);

    private void Finish(Node node)
    {
        string output = node.Outputs[0];
        if (_consumers.GetValueOrDefault(output) is [var only] && Saturating.Contains(only.OpType)
            && !_outside.Contains(output) && !_outside.Contains(only.Outputs[0]))
        {
            output = only.Outputs[0];
        }

        _results.Add(node, output);
        _values.Add(output);
    }

    // The nodes with weights from which only others lead to the outputs.
    private HashSet<string> Last(Graph graph, HashSet<Node> weighted)
    {
        HashSet<string> last = [], seen = [];
        Stack<string> waiting = new(graph.Outputs.Select(output => output.Name));
        while (waiting.TryPop(out string? value))
        {
            if (!_producers.TryGetValue(value, out Node? node) || !seen.Add(node.Outputs[0]))
            {
                continue;
            }

            if (weighted.Contains(node))
            {
                last.Add(node.Outputs[0]);
                continue;
            }

            foreach (string input in node.Inputs)
            {
                waiting.Push(input);
            }
        }

        return last;
    }
}

/// <summary>A node with constant weights that the runtime can compute in 8 bits.</summary>
/// <param name="Node">Conv, MatMul or Gemm.</param>
/// <param name="Weights">The weights, float32.</param>
/// <param name="Axis">The axis of the weights that is the node's output channel.</param>
/// <param name="Bias">The bias, float32; null without one.</param>
internal sealed record WeightedNode(Node Node, Tensor Weights, int Axis, Tensor? Bias)
{
    /// <summary>The node as one with weights; null where it is none.</summary>
    public static WeightedNode? Of(Node node, Graph graph)
    {
        if (node.Domain.Length > 0 || node.Inputs.Count < 2
            || graph.Initializer(node.Inputs[1]) is not { Type: ElementType.Float32 } weights)
        {
            return null;
        }

        Tensor? bias = null;
        if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0)
        {
            bias = graph.Initializer(node.Inputs[2]);
            if (bias is not { Type: ElementType.Float32, Dims.Length: 1 })
            {
                return null;
            }
        }

        return node.OpType switch
        {
            "Conv" => new WeightedNode(node, weights, 0, bias),
            "MatMul" when weights.Dims.Length == 2 => new WeightedNode(node, weights, 1, null),
            "Gemm" when weights.Dims.Length == 2 && IsPlain(node) =>
                new WeightedNode(node, weights, node.Int("transB", 0) == 1 ? 0 : 1, bias),
            _ => null,
        };
    }

    private static bool IsPlain(Node gemm) =>
        gemm.Float("alpha", 1) == 1 && gemm.Float("beta", 1) == 1 && gemm.Int("transA", 0) == 0;
}
