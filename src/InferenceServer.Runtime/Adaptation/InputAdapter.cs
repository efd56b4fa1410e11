using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>Puts nodes before a graph, so that it takes float32 N×C×H×W.</summary>
internal sealed class InputAdapter
{
    private static readonly Dictionary<ElementType, (float Lowest, float Highest)?> Types =
        new()
        {
            [ElementType.Float32] = null,
            [ElementType.Float16] = null,
            [ElementType.Float64] = null,
            [ElementType.BFloat16] = null,
            [ElementType.UInt8] = (byte.MinValue, byte.MaxValue),
            [ElementType.Int8] = (sbyte.MinValue, sbyte.MaxValue),
            [ElementType.UInt16] = (ushort.MinValue, ushort.MaxValue),
            [ElementType.Int16] = (short.MinValue, short.MaxValue),
            [ElementType.Int32] = (-16_777_216, 16_777_216), // float32 holds larger integers only in steps
            [ElementType.Int64] = (-16_777_216, 16_777_216),
        };

    private readonly Graph _graph;
    private readonly ValueInfo _input;
    private readonly string _order;
    private readonly ElementType _type;
    private readonly Dimension[] _shape;
    private readonly int _borderRows;
    private readonly int _borderColumns;

    /// <param name="graph">The graph.</param>
    /// <param name="input">The image input.</param>
    /// <param name="order">The order of its axes.</param>
    /// <param name="border">Rows and columns that the network cuts off at each side.</param>
    /// <exception cref="GraphRefusedException">The input's type has no numbers, or too many channels.</exception>
    public InputAdapter(Graph graph, ValueInfo input, string order, (int Rows, int Columns) border)
    {
        (_graph, _input, _order, _type) = (graph, input, order, input.Type);
        (_borderRows, _borderColumns) = border;
        if (!Types.ContainsKey(_type))
        {
            throw new GraphRefusedException(
                $"graph.input: expected numbers, the graph has {TensorSignature.Of(input)}; export the network without steps that " +
                "decode images");
        }

        if (input.Shape is { } shape && shape.Count != order.Length)
        {
            throw new GraphRefusedException(
                $"graph.layout: expected an input of the axes {order}, the graph has {TensorSignature.Of(input)}");
        }

        _shape =
        [
            .. (input.Shape ?? [.. order.Select(_ => default(Dimension))]).Select(d =>
                d.Value > 0 ? d : new Dimension(null, d.Parameter))
        ];
        FixedBatch = (int)(Axis('N').Value ?? 0);
    }

    /// <summary>The declared length of the batch axis; 0 for an open one.</summary>
    public int FixedBatch { get; }

    /// <summary>Whether the graph takes one image without a batch axis.</summary>
    public bool HasBatchAxis => _order.Contains('N', StringComparison.Ordinal);

    /// <summary>Whether the declared shape was corrected.</summary>
    public bool IsRewritten { get; private set; }

    /// <summary>The name of a tensor with the number of images in the input, where copies fill the batch.</summary>
    public string? Images { get; private set; }

    /// <summary>Changes the graph.</summary>
    /// <param name="added">Receives what was added, one phrase each.</param>
    /// <param name="writer">Receives the nodes.</param>
    public void Apply(IList<string> added, NodeWriter writer)
    {
        bool changes = _order != "NCHW" || _type != ElementType.Float32 || FixedBatch > 1 || _borderRows > 0 || _borderColumns > 0;
        if (!changes)
        {
            // An axis of length 0 or −1 is an exporter's word for an open axis.
            IsRewritten = _input.Shape is null || _input.Shape.Any(d => d.Value <= 0);
            _input.Shape = [.. _shape];
            return;
        }

        string name = _input.Name, taken = _graph.UniqueName(name + "_adapted");
        NodeWriter.Rename(_graph, name, taken);
        string x = name;
        x = Border(x, writer, added);
        x = Convert(x, writer, added);
        x = Batch(x, writer, added);
        x = Order(x, writer, added);
        writer.Name(x, taken); // the name that the graph's own nodes read
        _input.Type = ElementType.Float32;
        _input.Shape =
        [
            FixedBatch == 1 || !HasBatchAxis ? new Dimension(1, null) : new Dimension(null, "batch"), Axis('C'),
            Inner(Axis('H'), _borderRows), Inner(Axis('W'), _borderColumns),
        ];
    }

    private static Dimension Inner(Dimension side, int border)
    {
        if (side.Value is { } length)
        {
            return new Dimension(length - (2 * border), null);
        }

        return side;
    }

    private string Border(string x, NodeWriter writer, IList<string> added)
    {
        if (_borderRows == 0 && _borderColumns == 0)
        {
            return x;
        }

        added.Add($"input: mirrored border of {_borderRows} rows and {_borderColumns} columns");
        return writer.Mirror(x, _borderRows, _borderColumns);
    }

    private string Convert(string x, NodeWriter writer, IList<string> added)
    {
        if (_type == ElementType.Float32)
        {
            return x;
        }

        added.Add($"input: float32 to {_type.Name()}");
        if (Types[_type] is { } range)
        {
            x = writer.RoundTo(x, range.Lowest, range.Highest);
        }

        return writer.Cast(x, _type);
    }

    // Copies of the images fill the batch; the result keeps the rows of the images.
    private string Batch(string x, NodeWriter writer, IList<string> added)
    {
        if (FixedBatch <= 1)
        {
            return x;
        }

        added.Add($"input: repeated to the fixed batch of {FixedBatch}");
        Images = writer.CanSliceByTensor ? writer.Length(x, axis: 0) : null;
        string repeated = writer.Add("Tile", [x, writer.Constant(FixedBatch, 1, 1, 1)]);
        return writer.Slice(repeated, axis: 0, 0, FixedBatch);
    }

    private string Order(string x, NodeWriter writer, IList<string> added)
    {
        if (_order == "NCHW")
        {
            return x;
        }

        added.Add($"input: N×C×H×W to {string.Join('×', _order.ToCharArray())}");
        return _order switch
        {
            "NHWC" => writer.Transpose(x, 0, 2, 3, 1),
            "CHW" => writer.Squeeze(x, 0),
            _ => writer.Squeeze(writer.Transpose(x, 0, 2, 3, 1), 0),
        };
    }

    private Dimension Axis(char axis)
    {
        int at = _order.IndexOf(axis, StringComparison.Ordinal);
        if (at < 0)
        {
            return default;
        }

        return _shape[at];
    }
}
