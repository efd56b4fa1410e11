namespace OnnxGraph;

/// <summary>A graph: the main one, or the body of an <c>If</c>, <c>Loop</c> or <c>Scan</c>.</summary>
/// <remarks>The lists may be edited; nodes must stay sorted, producers before consumers. A search reads the whole graph.</remarks>
public sealed class Graph : IMessage
{
    private readonly FieldTable _fields = new();
    private readonly List<Node> _nodes = [];
    private readonly List<Tensor> _initializers = [];
    private readonly List<SparseTensor> _sparseInitializers = [];
    private readonly List<ValueInfo> _inputs = [];
    private readonly List<ValueInfo> _outputs = [];
    private readonly List<ValueInfo> _valueInfos = [];

    /// <summary>The name of the graph.</summary>
    public string Name
    {
        get => _fields.Text(2) ?? string.Empty;
        set => _fields.Set(2, value);
    }

    /// <summary>The nodes, producers before consumers.</summary>
    public IList<Node> Nodes => _nodes;

    /// <summary>The constants.</summary>
    public IList<Tensor> Initializers => _initializers;

    /// <summary>The constants that are stored as their values other than zero.</summary>
    public IList<SparseTensor> SparseInitializers => _sparseInitializers;

    /// <summary>What the caller gives. Before IR version 4 initializers are listed too, as defaults.</summary>
    public IList<ValueInfo> Inputs => _inputs;

    /// <summary>What the graph returns.</summary>
    public IList<ValueInfo> Outputs => _outputs;

    /// <summary>Types and shapes of values in between, as far as the exporter wrote them.</summary>
    public IList<ValueInfo> ValueInfos => _valueInfos;

    FieldTable IMessage.Fields => _fields;

    /// <summary>The node that computes a value; null for inputs, constants and unknown names.</summary>
    public Node? Producer(string value) => _nodes.Find(node => node.Outputs.Contains(value));

    /// <summary>The nodes of this graph that use a value, also those whose subgraphs do.</summary>
    /// <remarks>That the graph returns the value is told by <see cref="Outputs"/>.</remarks>
    public IEnumerable<Node> Consumers(string value) => _nodes.Where(node => node.Uses(value));

    /// <summary>A constant by its name; null where there is none, or where it is sparse.</summary>
    public Tensor? Initializer(string name) => _initializers.Find(tensor => tensor.Name == name);

    /// <summary>Lets all that use a value, also in subgraphs, use another one. Outputs of this graph keep their names.</summary>
    /// <remarks>Add the node that makes the other value from this one afterwards, or it would use its own output.</remarks>
    public void ReplaceUses(string value, string with)
    {
        foreach (Node node in _nodes)
        {
            node.ReplaceUses(value, with);
        }
    }

    /// <summary>A name that no value and no node has, here or in subgraphs.</summary>
    /// <param name="stem">The name, if it is free; otherwise a number is put behind it.</param>
    public string UniqueName(string stem)
    {
        HashSet<string> names = [.. AllGraphs().SelectMany(graph => graph.OwnNames())];
        string name = stem;
        for (int i = 1; !names.Add(name); i++)
        {
            name = $"{stem}_{i}";
        }

        return name;
    }

    /// <summary>Nodes and those of their subgraphs.</summary>
    internal static IEnumerable<Node> AllNodes(IEnumerable<Node> nodes) =>
        nodes.SelectMany(node => AllNodes(node.Subgraphs.SelectMany(graph => graph._nodes)).Prepend(node));

    internal IEnumerable<Node> AllNodes() => AllNodes(_nodes);

    /// <summary>The constants, without those of subgraphs and attributes.</summary>
    internal IEnumerable<Tensor> OwnTensors => _initializers.Concat(_sparseInitializers.SelectMany(sparse => sparse.Tensors));

    /// <summary>Whether a subgraph uses a value of the graph around it.</summary>
    internal bool Captures(string value) =>
        !Defines(value) && (_nodes.Exists(node => node.Uses(value)) || _outputs.Exists(output => output.Name == value));

    /// <summary>Lets a subgraph use another value of the graph around it.</summary>
    internal void ReplaceCaptures(string value, string with)
    {
        if (Defines(value))
        {
            return;
        }

        ReplaceUses(value, with);
        foreach (ValueInfo output in _outputs.Where(output => output.Name == value))
        {
            output.Name = with;
        }
    }

    bool IMessage.ReadChild(ProtoReader field)
    {
        switch (field.Number)
        {
            case 1:
                _nodes.Add(field.Message(new Node()));
                return true;
            case 5:
                _initializers.Add(field.Message(new Tensor()));
                return true;
            case 11:
                _inputs.Add(field.Message(new ValueInfo()));
                return true;
            case 12:
                _outputs.Add(field.Message(new ValueInfo()));
                return true;
            case 13:
                _valueInfos.Add(field.Message(new ValueInfo()));
                return true;
            case 15:
                _sparseInitializers.Add(field.Message(new SparseTensor()));
                return true;
            default:
                return false;
        }
    }

    void IMessage.WriteChildren(ProtoWriter writer)
    {
        writer.Messages(1, _nodes);
        writer.Messages(5, _initializers);
        writer.Messages(11, _inputs);
        writer.Messages(12, _outputs);
        writer.Messages(13, _valueInfos);
        writer.Messages(15, _sparseInitializers);
    }

    private IEnumerable<Graph> AllGraphs() => AllNodes().SelectMany(node => node.Subgraphs).Prepend(this);

    private bool Defines(string value) =>
        _inputs.Exists(input => input.Name == value) || _initializers.Exists(tensor => tensor.Name == value)
        || _sparseInitializers.Exists(sparse => sparse.Name == value) || Producer(value) is not null;

    private IEnumerable<string> OwnNames() =>
        _nodes.SelectMany(node => node.Inputs.Concat(node.Outputs).Append(node.Name))
            .Concat(_initializers.Select(tensor => tensor.Name))
            .Concat(_sparseInitializers.Select(sparse => sparse.Name))
            .Concat(_inputs.Concat(_outputs).Concat(_valueInfos).Select(value => value.Name));
}
