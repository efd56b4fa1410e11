using System.Text;

namespace OnnxGraph;

/// <summary>What an attribute holds, with ONNX's numbers.</summary>
public enum AttributeType
{
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
    Tensors = 9,
    Graphs = 10,
    SparseTensor = 11,
    SparseTensors = 12,
    TypeProto = 13,
    TypeProtos = 14,
}

/// <summary>A call of an operator.</summary>
public sealed class Node : IMessage
{
    private readonly FieldTable _fields = new();
    private readonly List<string> _inputs = [];
    private readonly List<string> _outputs = [];
    private string? _opType;

    /// <summary>Creates a node of ONNX's own operators.</summary>
    /// <param name="opType">The operator.</param>
    /// <param name="inputs">The values it takes; an empty name leaves out an optional one.</param>
    /// <param name="outputs">The values it makes.</param>
    public Node(string opType, IEnumerable<string> inputs, IEnumerable<string> outputs)
    {
        OpType = opType;
        _inputs.AddRange(inputs);
        _outputs.AddRange(outputs);
    }

    internal Node()
    {
    }

    /// <summary>The operator, such as <c>Conv</c>.</summary>
    public string OpType
    {
        get => _opType ??= _fields.Text(4) ?? string.Empty;
        set => _fields.Set(4, _opType = value);
    }

    /// <summary>The operator set that the operator belongs to; empty for ONNX's own.</summary>
    public string Domain
    {
        get => _fields.Text(7) ?? string.Empty;
        set => _fields.Set(7, value);
    }

    /// <summary>The name of the node, which may be empty.</summary>
    public string Name
    {
        get => _fields.Text(3) ?? string.Empty;
        set => _fields.Set(3, value);
    }

    /// <summary>The names of the values it takes; an empty name is an optional one that is left out.</summary>
    public IList<string> Inputs => _inputs;

    /// <summary>The names of the values it makes.</summary>
    public IList<string> Outputs => _outputs;

    /// <summary>The parameters of the operator.</summary>
    public IList<OnnxAttribute> Attributes { get; init; } = new List<OnnxAttribute>();

    /// <summary>The graphs in its attributes: branches and loop bodies.</summary>
    public IEnumerable<Graph> Subgraphs => Attributes.SelectMany(attribute => attribute.Subgraphs);

    FieldTable IMessage.Fields => _fields;

    /// <summary>An attribute by its name; null where the node has none.</summary>
    public OnnxAttribute? Attribute(string name) => Attributes.FirstOrDefault(attribute => attribute.Name == name);

    /// <summary>An integer attribute, or another number where the node has none.</summary>
    public long Int(string name, long otherwise) => Attribute(name)?.Int ?? otherwise;

    /// <summary>A float attribute, or another number where the node has none.</summary>
    public float Float(string name, float otherwise) => Attribute(name)?.Float ?? otherwise;

    /// <summary>A text attribute; null where the node has none.</summary>
    public string? Text(string name) => Attribute(name)?.Text;

    /// <summary>An attribute that is a list of integers; null where the node has none.</summary>
    public long[]? Ints(string name) => Attribute(name)?.Ints();

    /// <summary>An attribute that is a list of floats; null where the node has none.</summary>
    public float[]? Floats(string name) => Attribute(name)?.Floats();

    /// <summary>Adds an attribute, in place of the one of its name.</summary>
    public void Set(OnnxAttribute attribute)
    {
        for (int i = 0; i < Attributes.Count; i++)
        {
            if (Attributes[i].Name == attribute.Name)
            {
                Attributes[i] = attribute;
                return;
            }
        }

        Attributes.Add(attribute);
    }

    internal bool Uses(string value) => _inputs.Contains(value) || Subgraphs.Any(graph => graph.Captures(value));

    internal void ReplaceUses(string value, string with)
    {
        for (int i = 0; i < _inputs.Count; i++)
        {
            if (_inputs[i] == value)
            {
                _inputs[i] = with;
            }
        }

        foreach (Graph graph in Subgraphs)
        {
            graph.ReplaceCaptures(value, with);
        }
    }

    bool IMessage.ReadChild(ProtoReader field)
    {
        switch (field.Number)
        {
            case 1:
                _inputs.Add(field.Name());
                return true;
            case 2:
                _outputs.Add(field.Name());
                return true;
            case 5:
                Attributes.Add(field.Message(new OnnxAttribute()));
                return true;
            default:
                return false;
        }
    }

    void IMessage.WriteChildren(ProtoWriter writer)
    {
        writer.Texts(1, _inputs);
        writer.Texts(2, _outputs);
        writer.Messages(5, Attributes);
    }
}

/// <summary>A parameter of an operator. It cannot be changed, except within its tensors and graphs: see
/// <see cref="Node.Set"/>.</summary>
public sealed class OnnxAttribute : IMessage
{
    private readonly FieldTable _fields = new();
    private readonly List<Tensor> _tensors = [];
    private readonly List<Graph> _graphs = [];
    private readonly List<SparseTensor> _sparseTensors = [];
    private SparseTensor? _sparseTensor;

    internal OnnxAttribute()
    {
    }

    private OnnxAttribute(string name, AttributeType type)
    {
        Name = name;
        _fields.Set(1, name);
        _fields.Set(20, (long)type);
    }

    /// <summary>The name of the parameter.</summary>
    public string Name { get; private set; } = string.Empty;

    /// <summary>What it holds. Files of 2017 do not say so: there the value tells.</summary>
    public AttributeType Type
    {
        get
        {
            if (_fields.Scalar(20) is { } type and not 0)
            {
                return (AttributeType)type;
            }

            (AttributeType Type, bool Holds)[] held =
            [
                (AttributeType.Float, Float is not null), (AttributeType.Int, Int is not null),
                (AttributeType.String, _fields.Has(4)), (AttributeType.Tensor, Tensor is not null),
                (AttributeType.Graph, Graph is not null), (AttributeType.Floats, _fields.Has(7)),
                (AttributeType.Ints, _fields.Has(8)), (AttributeType.Strings, _fields.Has(9)),
                (AttributeType.Tensors, _tensors.Count > 0), (AttributeType.Graphs, _graphs.Count > 0),
            ];
            return Array.Find(held, pair => pair.Holds).Type;
        }
    }

    /// <summary>In a function, the parameter of the function that this one takes its value from; otherwise null.</summary>
    public string? Reference => _fields.Text(21);

    /// <summary>The integer; null where it holds none.</summary>
    public long? Int => (long?)_fields.Scalar(3);

    /// <summary>The float; null where it holds none.</summary>
    public float? Float
    {
        get
        {
            if (_fields.Scalar(2, WireType.Fixed32) is { } bits)
            {
                return BitConverter.UInt32BitsToSingle((uint)bits);
            }

            return null;
        }
    }

    /// <summary>The text; null where it holds none.</summary>
    public string? Text => _fields.Text(4);

    /// <summary>The tensor; null where it holds none.</summary>
    public Tensor? Tensor { get; private set; }

    /// <summary>The graph; null where it holds none.</summary>
    public Graph? Graph { get; private set; }

    /// <summary>The tensors, where it holds a list of them.</summary>
    public IReadOnlyList<Tensor> Tensors => _tensors;

    /// <summary>The graphs, where it holds a list of them.</summary>
    public IReadOnlyList<Graph> Graphs => _graphs;

    FieldTable IMessage.Fields => _fields;

    internal IEnumerable<Graph> Subgraphs
    {
        get
        {
            if (Graph is null)
            {
                return _graphs;
            }

            return _graphs.Prepend(Graph);
        }
    }

    /// <summary>An integer.</summary>
    public static OnnxAttribute Of(string name, long value) => new OnnxAttribute(name, AttributeType.Int).With(3, [(ulong)value]);

    /// <summary>A list of integers.</summary>
    public static OnnxAttribute Of(string name, long[] values) =>
        new OnnxAttribute(name, AttributeType.Ints).With(8, Array.ConvertAll(values, value => (ulong)value));

    /// <summary>A float.</summary>
    public static OnnxAttribute Of(string name, float value) =>
        new OnnxAttribute(name, AttributeType.Float).With(2, [BitConverter.SingleToUInt32Bits(value)], WireType.Fixed32);

    /// <summary>A list of floats.</summary>
    public static OnnxAttribute Of(string name, float[] values) => new OnnxAttribute(name, AttributeType.Floats)
        .With(7, Array.ConvertAll(values, value => (ulong)BitConverter.SingleToUInt32Bits(value)), WireType.Fixed32);

    /// <summary>A text.</summary>
    public static OnnxAttribute Of(string name, string value)
    {
        OnnxAttribute attribute = new(name, AttributeType.String);
        attribute._fields.Set(4, value);
        return attribute;
    }

    /// <summary>A list of texts.</summary>
    public static OnnxAttribute Of(string name, string[] values)
    {
        OnnxAttribute attribute = new(name, AttributeType.Strings);
        attribute._fields.SetBodies(9, values.Select(value => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(value)));
        return attribute;
    }

    /// <summary>A tensor.</summary>
    public static OnnxAttribute Of(string name, Tensor value) => new(name, AttributeType.Tensor) { Tensor = value };

    /// <summary>A graph: a branch or the body of a loop.</summary>
    public static OnnxAttribute Of(string name, Graph value) => new(name, AttributeType.Graph) { Graph = value };

    /// <summary>The list of integers; empty where it holds none.</summary>
    public long[] Ints() => Array.ConvertAll(_fields.Scalars(8), value => (long)value);

    /// <summary>The list of floats; empty where it holds none.</summary>
    public float[] Floats() =>
        Array.ConvertAll(_fields.Scalars(7, WireType.Fixed32), bits => BitConverter.UInt32BitsToSingle((uint)bits));

    /// <summary>The list of texts; empty where it holds none.</summary>
    public string[] Texts() =>
        [.. _fields.Bodies(9).Select(body => Encoding.UTF8.GetString(body.ToMemory(ProtoReader.MaxText).Span))];

    /// <summary>The tensors it holds, and the constants of its graphs.</summary>
    internal IEnumerable<Tensor> AllTensors()
    {
        IEnumerable<SparseTensor> sparse = _sparseTensors.Concat(new[] { _sparseTensor }.OfType<SparseTensor>());
        return new[] { Tensor }.OfType<Tensor>().Concat(_tensors).Concat(sparse.SelectMany(tensor => tensor.Tensors))
            .Concat(Subgraphs.SelectMany(graph => graph.OwnTensors));
    }

    bool IMessage.ReadChild(ProtoReader field)
    {
        switch (field.Number)
        {
            case 5:
                Tensor = field.Message(Tensor ?? new Tensor());
                return true;
            case 6:
                Graph = field.Message(Graph ?? new Graph());
                return true;
            case 10:
                _tensors.Add(field.Message(new Tensor()));
                return true;
            case 11:
                _graphs.Add(field.Message(new Graph()));
                return true;
            case 22:
                _sparseTensor = field.Message(_sparseTensor ?? new SparseTensor());
                return true;
            case 23:
                _sparseTensors.Add(field.Message(new SparseTensor()));
                return true;
            default:
                return false;
        }
    }

    void IMessage.Finish(ModelOrigin origin) => Name = _fields.Text(1) ?? string.Empty;

    void IMessage.WriteChildren(ProtoWriter writer)
    {
        writer.Message(5, Tensor);
        writer.Message(6, Graph);
        writer.Messages(10, _tensors);
        writer.Messages(11, _graphs);
        writer.Message(22, _sparseTensor);
        writer.Messages(23, _sparseTensors);
    }

    private OnnxAttribute With(int number, ReadOnlySpan<ulong> values, WireType wire = WireType.Varint)
    {
        _fields.Set(number, values, wire);
        return this;
    }
}
