using OnnxGraph;

namespace InferenceServer.Runtime.Inspection;

/// <summary>What the last operators of a graph make of its scores.</summary>
internal enum OutputEnding
{
    /// <summary>The operators do not show it.</summary>
    Unknown,

    /// <summary>Unnormalised scores: a convolution, a product, a normalisation.</summary>
    Scores,

    /// <summary>A softmax.</summary>
    Softmax,

    /// <summary>A sigmoid.</summary>
    Sigmoid,

    /// <summary>The index of the largest score.</summary>
    Labels,

    /// <summary>A comparison.</summary>
    Mask,

    /// <summary>Colours looked up in a table.</summary>
    Colors,

    /// <summary>A number that has a least value and no largest one: an exponential, a rectifier.</summary>
    Quantity,
}

/// <summary>Finds what an output holds from the operators that made it, which noise does not show reliably.</summary>
/// <param name="Ending">What was found.</param>
/// <param name="IsCertain">Whether nothing behind the found operator changes the meaning of the values.</param>
/// <param name="Operator">The found operator.</param>
/// <param name="Classes">For labels, the number of scores that they were taken from; null where the graph does not show
/// the number.</param>
internal sealed record OutputTrace(OutputEnding Ending, bool IsCertain, string Operator, int? Classes = null)
{
    private const int MostSteps = 256;

    /// <summary>Operators that move, resample or convert values.</summary>
    private static readonly HashSet<string> Passing =
    [
        "Identity", "Cast", "CastLike", "Transpose", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Resize",
        "Upsample", "Slice", "Pad",
        "Dropout", "DequantizeLinear", "QuantizeLinear", "Gather", "Split", "Expand", "Tile", "AveragePool", "MaxPool",
        "DepthToSpace",
        "GridSample", "CenterCropPad", "Crop", "Trilu", "GatherND", "QLinearAveragePool",
    ];

    /// <summary>Operators that keep scores scores, and change what probabilities and labels are.</summary>
    private static readonly HashSet<string> Linear = ["Add", "Sum", "Mean", "Neg"];

    /// <summary>Operators behind which only the values tell.</summary>
    private static readonly HashSet<string> Changing =
    [
        "Mul", "Div", "Sub", "Pow", "Clip", "Min", "Max", "Round", "Floor", "Ceil", "Sqrt", "Abs", "Concat", "Where",
        "ReduceMax",
        "ReduceMean", "Reciprocal",
    ];

    private static readonly HashSet<string> Comparisons =
        ["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or", "Not", "Xor"];

    /// <summary>Follows a value back.</summary>
    public static OutputTrace Of(Graph graph, string value)
    {
        bool isScaled = false, isChanged = false;
        for (int step = 0; step < MostSteps && graph.Producer(value) is { } node; step++)
        {
            string op = node.OpType;
            string[] computed = Computed(graph, node);
            if (End(graph, node, value) is { } ending)
            {
                bool isCertain = !isChanged && (ending is OutputEnding.Scores || !isScaled);
                return new OutputTrace(ending, isCertain, op,
                    ending == OutputEnding.Labels ? ClassesOf(graph, node) : null);
            }

            if (computed.Length == 0)
            {
                break;
            }

            bool isLinear = Linear.Contains(op) || (op is "Mul" or "Div" or "Sub" && computed.Length == 1);
            if (isLinear)
            {
                isScaled = true;
            }
            else if (Changing.Contains(op))
            {
                isChanged = true;
            }
            else if (!Passing.Contains(op))
            {
                break;
            }

            value = computed[0];
        }

        return new OutputTrace(OutputEnding.Unknown, IsCertain: false, graph.Producer(value)?.OpType ?? "");
    }

    private static OutputEnding? End(Graph graph, Node node, string value)
    {
        string op = node.OpType;
        if (op == "Gather" && node.Inputs.Count > 1 && Constant(graph, node.Inputs[0])
            && !Constant(graph, node.Inputs[1]))
        {
            return OutputEnding.Colors;
        }

        if (op == "TopK" && node.Outputs.IndexOf(value) != 1)
        {
            return null;
        }

        if (Passing.Contains(op) || Linear.Contains(op) || Changing.Contains(op))
        {
            return null;
        }

        return op switch
        {
            "ArgMax" or "ArgMin" or "TopK" => OutputEnding.Labels,
            "Softmax" or "QLinearSoftmax" => OutputEnding.Softmax,
            "Sigmoid" or "HardSigmoid" or "QLinearSigmoid" => OutputEnding.Sigmoid,
            "Exp" or "Softplus" or "Relu" => OutputEnding.Quantity,
            "If" or "Loop" or "Scan" or "Constant" or "OneHot" or "Tanh" or "Erf" => OutputEnding.Unknown,
            _ when Comparisons.Contains(op) => OutputEnding.Mask,
            _ when node.Domain is "" or "ai.onnx" or "com.microsoft" => OutputEnding.Scores,
            _ => OutputEnding.Unknown,
        };
    }

    /// <summary>The number of scores that labels were taken from, from the weights that made the scores.</summary>
    private static int? ClassesOf(Graph graph, Node node)
    {
        for (int step = 0; step < MostSteps; step++)
        {
            string[] computed = Computed(graph, node);
            if (computed.Length == 0 || graph.Producer(computed[0]) is not { } maker)
            {
                return null;
            }

            node = maker;
            (int Input, int Axis)? weights = node.OpType switch
            {
                "Conv" or "FusedConv" or "ConvInteger" => (1, 0),
                "QLinearConv" => (3, 0),
                "ConvTranspose" when node.Int("group", 1) == 1 => (1, 1),
                _ => null,
            };
            if (weights is { } place)
            {
                return Length(graph, node, place.Input, place.Axis);
            }

            bool keeps = Passing.Contains(node.OpType) || Linear.Contains(node.OpType)
                || node.OpType is "Softmax" or "LogSoftmax" or "Sigmoid" or "BatchNormalization" or "Relu";
            if (!keeps || node.OpType is "Gather" or "Reshape" or "Slice")
            {
                return null;
            }
        }

        return null;
    }

    private static int? Length(Graph graph, Node node, int input, int axis)
    {
        if (node.Inputs.Count <= input)
        {
            return null;
        }

        string name = node.Inputs[input];
        if (graph.Producer(name) is { OpType: "DequantizeLinear" } quantized)
        {
            name = quantized.Inputs[0];
        }

        if (graph.Initializer(name) is { } weights && weights.Dims.Length > axis
            && weights.Dims[axis] is > 1 and <= ushort.MaxValue)
        {
            return (int)weights.Dims[axis];
        }

        return null;
    }

    // Inputs that are no constants; those of a Resize or a Slice beside the data are rarely computed, and come later. So
    // does the condition of a choice: the values are those that it chooses from.
    private static string[] Computed(Graph graph, Node node)
    {
        IEnumerable<string> inputs = node.OpType == "Where" ? node.Inputs.Skip(1).Concat(node.Inputs.Take(1)) : node.Inputs;
        return [.. inputs.Where(i => i.Length > 0 && !Constant(graph, i))];
    }

    private static bool Constant(Graph graph, string value) =>
        graph.Initializer(value) is not null || graph.Producer(value) is { OpType: "Constant" or "ConstantOfShape" };
}
