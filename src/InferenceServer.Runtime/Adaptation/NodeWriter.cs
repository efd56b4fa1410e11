using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>Appends nodes to a list, in the form that the graph's operator set has for them.</summary>
/// <remarks>Operators changed attributes into inputs over the years: Clip and Slice in versions 11 and 10, Pad in 11,
/// Squeeze and Unsqueeze in 13.</remarks>
internal sealed class NodeWriter(Graph graph, long opset)
{
    private readonly List<Node> _nodes = [];
    private readonly HashSet<string> _names = [];

    /// <summary>Whether a slice may end at a computed length; before version 10 the ends are attributes.</summary>
    public bool CanSliceByTensor => opset >= 10;

    /// <summary>Whether Equal takes floats, and Where exists.</summary>
    public bool CanCompareFloats => opset >= 11;

    /// <summary>The appended nodes, in the order of their calls.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>Appends a node with one output.</summary>
    /// <returns>The name of the output.</returns>
    public string Add(string op, IEnumerable<string> inputs, params IEnumerable<OnnxAttribute> attributes)
    {
        string output = Unique(op.ToLowerInvariant());
        Node node = new(op, [.. inputs], [output]);
        foreach (OnnxAttribute attribute in attributes)
        {
            node.Attributes.Add(attribute);
        }

        _nodes.Add(node);
        return output;
    }

    /// <summary>A constant of rank 1.</summary>
    public string Constant(params long[] values)
    {
        string name = Unique("constant");
        graph.Initializers.Add(Tensor.Create(name, [values.Length], values));
        return name;
    }

    /// <summary>A constant of rank 0.</summary>
    public string Scalar(float value) => Constant([], [value]);

    /// <summary>A constant.</summary>
    public string Constant(long[] shape, float[] values)
    {
        string name = Unique("constant");
        graph.Initializers.Add(Tensor.Create(name, shape, values));
        return name;
    }

    public string Cast(string x, ElementType type) => Add("Cast", [x], OnnxAttribute.Of("to", (long)type));

    /// <param name="x">The tensor.</param>
    /// <param name="permutation">For each axis of the result, the axis of <paramref name="x"/>.</param>
    public string Transpose(string x, params long[] permutation) => Add("Transpose", [x], OnnxAttribute.Of("perm", permutation));

    public string Squeeze(string x, params long[] axes) => Axes("Squeeze", x, axes);

    public string Unsqueeze(string x, params long[] axes) => Axes("Unsqueeze", x, axes);

    /// <summary>ReduceMax or ReduceMin along one axis.</summary>
    public string Reduce(string op, string x, long axis, bool keepAxis)
    {
        OnnxAttribute keep = OnnxAttribute.Of("keepdims", keepAxis ? 1 : 0);
        if (opset >= 18)
        {
            return Add(op, [x, Constant(axis)], keep);
        }

        return Add(op, [x], OnnxAttribute.Of("axes", [axis]), keep);
    }

    /// <summary>The nearest integers within a range.</summary>
    public string RoundTo(string x, float lowest, float highest)
    {
        string rounded = opset >= 11 ? Add("Round", [x]) : Add("Floor", [Add("Add", [x, Scalar(0.5f)])]);
        return opset >= 11
            ? Add("Clip", [rounded, Scalar(lowest), Scalar(highest)])
            : Add("Clip", [rounded], OnnxAttribute.Of("min", lowest), OnnxAttribute.Of("max", highest));
    }

    /// <summary>A part of one axis.</summary>
    public string Slice(string x, long axis, long start, long end)
    {
        if (opset >= 10)
        {
            return Add("Slice", [x, Constant(start), Constant(end), Constant(axis)]);
        }

        return Add(
            "Slice", [x], OnnxAttribute.Of("axes", [axis]), OnnxAttribute.Of("starts", [start]), OnnxAttribute.Of("ends", [end]));
    }

    /// <summary>The first elements of axis 0; <paramref name="count"/> names a tensor of one int64.</summary>
    public string First(string x, string count) => Add("Slice", [x, Constant(0), count, Constant(0)]);

    /// <summary>One length of a tensor's shape, as a tensor of one int64.</summary>
    public string Length(string x, long axis) => Add("Gather", [Add("Shape", [x]), Constant(axis)], OnnxAttribute.Of("axis", 0));

    /// <summary>Mirrors the rows and columns at the edges, without the edge itself, of an N×C×H×W tensor.</summary>
    public string Mirror(string x, long rows, long columns)
    {
        long[] pads = [0, 0, rows, columns, 0, 0, rows, columns];
        if (opset >= 11)
        {
            return Add("Pad", [x, Constant(pads)], OnnxAttribute.Of("mode", "reflect"));
        }

        return Add("Pad", [x], OnnxAttribute.Of("mode", "reflect"), OnnxAttribute.Of("pads", pads));
    }

    /// <summary>Renames an output of the appended nodes.</summary>
    public void Name(string output, string name)
    {
        foreach (Node node in _nodes)
        {
            Replace(node.Inputs, output, name);
            Replace(node.Outputs, output, name);
        }
    }

    /// <summary>Renames a value of the graph, also where the bodies of its control flow use the value.</summary>
    public static void Rename(Graph graph, string from, string to)
    {
        graph.ReplaceUses(from, to);
        if (graph.Producer(from) is { } node)
        {
            Replace(node.Outputs, from, to);
        }

        if (graph.Initializer(from) is { } initializer)
        {
            initializer.Name = to;
        }
    }

    private static void Replace(IList<string> names, string from, string to)
    {
        for (int i = 0; i < names.Count; i++)
        {
            if (names[i] == from)
            {
                names[i] = to;
            }
        }
    }

    // The graph does not know the names of nodes that are not in it yet.
    private string Unique(string stem)
    {
        string name = graph.UniqueName($"adapted_{stem}");
        for (int i = 2; !_names.Add(name); i++)
        {
            name = graph.UniqueName($"adapted_{stem}_{i}");
        }

        return name;
    }

    private string Axes(string op, string x, long[] axes)
    {
        if (opset >= 13)
        {
            return Add(op, [x, Constant(axes)]);
        }

        return Add(op, [x], OnnxAttribute.Of("axes", axes));
    }
}
