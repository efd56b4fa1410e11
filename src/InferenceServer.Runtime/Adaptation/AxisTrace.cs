using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>Finds the axes of a value from the operators that made it: a convolution gives N×C×H×W, a transposition
/// reorders the axes.</summary>
/// <remarks>Shapes alone leave two readings where a grid has as many columns as there are classes.</remarks>
internal static class AxisTrace
{
    private const int MostSteps = 256;

    /// <summary>Operators of two-dimensional networks whose first input and output are N×C×H×W.</summary>
    private static readonly HashSet<string> Anchors =
    [
        "Conv", "ConvTranspose", "FusedConv", "QLinearConv", "ConvInteger", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool",
        "GlobalMaxPool", "BatchNormalization", "InstanceNormalization", "LRN", "SpaceToDepth", "DepthToSpace", "GroupNormalization",
        "QLinearAveragePool", "MaxUnpool", "GridSample", "DeformConv",
    ];

    /// <summary>Operators that keep the axes of their data.</summary>
    private static readonly HashSet<string> Keeping =
    [
        "Identity", "Cast", "CastLike", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "HardSwish", "HardSigmoid",
        "Sigmoid", "Softmax", "LogSoftmax", "Softplus", "Tanh", "Exp", "Log", "Sqrt", "Abs", "Neg", "Not", "Floor", "Ceil", "Round", "Clip",
        "Sign", "Dropout", "QuantizeLinear", "DequantizeLinear", "Resize", "Upsample", "Pad", "Slice", "Add", "Sub", "Mul", "Div", "Pow",
        "Max", "Min", "Sum", "Mean", "Where", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Concat", "Erf",
    ];

    /// <summary>The axes of a value, for instance <c>NHWC</c>, with 1 for an axis of one element; null where the
    /// operators do not show them.</summary>
    public static string? Output(Graph graph, string value)
    {
        Stack<Node> moves = [];
        for (int step = 0; step < MostSteps && graph.Producer(value) is { } node; step++)
        {
            if (Anchors.Contains(node.OpType))
            {
                return Apply(graph, moves, "NCHW");
            }

            if (Moves(node))
            {
                moves.Push(node);
                value = node.Inputs[0];
            }
            else if (Keeping.Contains(node.OpType) && Data(graph, node) is { } data)
            {
                value = data;
            }
            else
            {
                return null;
            }
        }

        return null;
    }

    /// <summary>The axes of an input of rank 4, from the operators that read it; null where they do not show
    /// them.</summary>
    public static string? Input(Graph graph, string value)
    {
        for (int step = 0; step < MostSteps && graph.Consumers(value).FirstOrDefault(n => n.OpType != "Shape") is { } node; step++)
        {
            if (Anchors.Contains(node.OpType))
            {
                return "NCHW";
            }

            if (node.OpType == "Transpose")
            {
                return node.Ints("perm") switch
                {
                    [0, 3, 1, 2] => "NHWC",
                    _ => null,
                };
            }

            if (!Keeping.Contains(node.OpType))
            {
                return null;
            }

            value = node.Outputs[0];
        }

        return null;
    }

    private static bool Moves(Node node) =>
        node.OpType is "Transpose" or "Squeeze" or "Unsqueeze" or "ArgMax" or "ReduceMax" or "ReduceMean" or "ReduceSum";

    // The first input that is no constant.
    private static string? Data(Graph graph, Node node) =>
        node.Inputs.FirstOrDefault(i => i.Length > 0 && graph.Initializer(i) is null && graph.Producer(i) is not { OpType: "Constant" });

    private static string? Apply(Graph graph, Stack<Node> moves, string axes)
    {
        foreach (Node node in moves)
        {
            string? moved = node.OpType switch
            {
                "Transpose" => Transposed(node, axes),
                "Squeeze" => Squeezed(graph, node, axes),
                "Unsqueeze" => Unsqueezed(graph, node, axes),
                _ => Reduced(graph, node, axes),
            };
            if (moved is null)
            {
                return null;
            }

            axes = moved;
        }

        return axes;
    }

    private static string? Transposed(Node node, string axes)
    {
        long[] permutation = node.Ints("perm") ?? [.. Enumerable.Range(0, axes.Length).Select(i => (long)(axes.Length - 1 - i))];
        if (permutation.Length != axes.Length || permutation.Any(p => p < 0 || p >= axes.Length))
        {
            return null;
        }

        return string.Concat(permutation.Select(p => axes[(int)p]));
    }

    private static string? Squeezed(Graph graph, Node node, string axes)
    {
        if (Axes(graph, node, axes.Length) is not { } removed)
        {
            return null;
        }

        return string.Concat(axes.Where((_, i) => !removed.Contains(i)));
    }

    private static string? Unsqueezed(Graph graph, Node node, string axes)
    {
        if ((node.Ints("axes") ?? Constant(graph, node, 1)) is not { } places)
        {
            return null;
        }

        int rank = axes.Length + places.Length;
        HashSet<long> at = [.. places.Select(p => p < 0 ? p + rank : p)];
        Queue<char> rest = new(axes);
        return string.Concat(Enumerable.Range(0, rank).Select(i => at.Contains(i) || rest.Count == 0 ? '1' : rest.Dequeue()));
    }

    private static string? Reduced(Graph graph, Node node, string axes)
    {
        IReadOnlyList<int>? reduced = node.OpType == "ArgMax"
            ? [(int)((node.Int("axis", 0) + axes.Length) % axes.Length)]
            : Axes(graph, node, axes.Length);
        if (reduced is null)
        {
            return null;
        }

        bool keeps = node.Int("keepdims", 1) != 0;
        return string.Concat(axes.Select((axis, i) => (axis, i)).Where(a => keeps || !reduced.Contains(a.i))
            .Select(a => reduced.Contains(a.i) ? '1' : a.axis));
    }

    // The axes are an attribute, or a second input since version 13 (18 for reductions).
    private static int[]? Axes(Graph graph, Node node, int rank)
    {
        long[]? axes = node.Ints("axes") ?? Constant(graph, node, 1);
        if (axes is null || axes.Any(a => a < -rank || a >= rank))
        {
            return null;
        }

        return [.. axes.Select(a => (int)((a + rank) % rank))];
    }

    private static long[]? Constant(Graph graph, Node node, int input)
    {
        if (node.Inputs.Count <= input)
        {
            return null;
        }

        Tensor? value = graph.Initializer(node.Inputs[input]) ?? graph.Producer(node.Inputs[input])?.Attribute("value")?.Tensor;
        if (value is { Type: ElementType.Int64, IsExternal: false })
        {
            return value.ReadInt64s();
        }

        return null;
    }
}
