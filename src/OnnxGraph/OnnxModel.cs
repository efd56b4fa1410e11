using Microsoft.Win32.SafeHandles;

namespace OnnxGraph;

/// <summary>The bytes are no ONNX model, or a part of it cannot be read; the message says what was expected, what was got and
/// what to do.</summary>
public sealed class OnnxFormatException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was expected, what was got, what to do.</param>
    public OnnxFormatException(string message)
        : base(message)
    {
    }
}

/// <summary>An operator set that a model uses.</summary>
/// <param name="Domain">Empty for ONNX's own operators.</param>
/// <param name="Version">The version of the set.</param>
public sealed record OpsetImport(string Domain, long Version)
{
    internal FieldTable? Source { get; init; }

    /// <summary>Whether the sets are the same.</summary>
    public bool Equals(OpsetImport? other) => other is not null && (Domain, Version) == (other.Domain, other.Version);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Domain, Version);

    internal static OpsetImport Of(FieldTable fields) =>
        new(fields.Text(1) ?? string.Empty, (long)(fields.Scalar(2) ?? 0)) { Source = fields };

    internal FieldTable ToFields()
    {
        if (Source is not null && Of(Source) == this)
        {
            return Source;
        }

        FieldTable fields = new();
        fields.Set(1, Domain);
        fields.Set(2, Version);
        return fields;
    }
}

/// <summary>An ONNX model as data: read, check, edit, write.</summary>
/// <remarks>
/// <para>Memory. <see cref="Open"/> reads names, nodes and short tensors; a field of more than 1 KiB stays in the file, and the
/// model remembers where. <see cref="Parse"/> keeps slices of the buffer it is given. <see cref="ToBytes"/> allocates the
/// result once, in its exact length, and reads each long field from the file straight into it; <see cref="Write"/> needs a
/// buffer of 64 KiB. So weights are never in memory twice, and not at all before they are written.</para>
/// <para>Fields that this library does not know are kept and written back. A model that was not edited keeps its meaning; its
/// bytes stay the same where the file has its fields in the order of their numbers, as every protobuf library writes
/// them.</para>
/// <para>A model is for one thread at a time, and reads its file until it is disposed of.</para>
/// </remarks>
public sealed class OnnxModel : IMessage, IDisposable
{
    private static readonly string[] KnownDomains =
    [
        "", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training", "com.microsoft", "com.microsoft.nchwc",
        "com.ms.internal.nhwc", "org.pytorch.aten",
    ];

    private readonly FieldTable _fields = new();
    private readonly Dictionary<string, FieldTable> _entries = [];
    private readonly List<OpsetImport> _opsets = [];
    private readonly OrderedDictionary<string, string> _metadata = [];
    private readonly List<Function> _functions = [];
    private readonly ModelOrigin _origin;
    private readonly ByteSource _source;
    private Graph? _graph;

    private OnnxModel(ByteSource source, string? file)
    {
        _source = source;
        _origin = new ModelOrigin(file);
        new ProtoReader(new Payload(source, 0, source.Length), _origin).ReadAll(this);
        if (_graph is null)
        {
            throw new OnnxFormatException(
                $"no ONNX file: expected a model with a graph, got {source.Length:N0} bytes without one; the file may be cut off: " +
                "copy or export it again");
        }
    }

    /// <summary>A model with an empty graph.</summary>
    /// <param name="irVersion">The version of the file format.</param>
    /// <param name="opset">The version of ONNX's own operators.</param>
    public static OnnxModel Create(long irVersion, int opset)
    {
        byte[] emptyGraph = [(7 << 3) | 2, 0];
        OnnxModel model = Parse(emptyGraph);
        model.IrVersion = irVersion;
        model.Opsets.Add(new OpsetImport(string.Empty, opset));
        return model;
    }

    /// <summary>The file that the model was read from; null for one from memory.</summary>
    public string? File => _origin.File;

    /// <summary>The version of the file format.</summary>
    public long IrVersion
    {
        get => (long)(_fields.Scalar(1) ?? 0);
        set => _fields.Set(1, value);
    }

    /// <summary>The program that wrote the model, such as <c>pytorch</c>.</summary>
    public string ProducerName
    {
        get => _fields.Text(2) ?? string.Empty;
        set => _fields.Set(2, value);
    }

    /// <summary>The version of the program that wrote the model.</summary>
    public string ProducerVersion
    {
        get => _fields.Text(3) ?? string.Empty;
        set => _fields.Set(3, value);
    }

    /// <summary>The name space of the model.</summary>
    public string Domain
    {
        get => _fields.Text(4) ?? string.Empty;
        set => _fields.Set(4, value);
    }

    /// <summary>The version of the model.</summary>
    public long ModelVersion
    {
        get => (long)(_fields.Scalar(5) ?? 0);
        set => _fields.Set(5, value);
    }

    /// <summary>A description for people.</summary>
    public string DocString
    {
        get => _fields.Text(6) ?? string.Empty;
        set => _fields.Set(6, value);
    }

    /// <summary>The operator sets that the nodes belong to.</summary>
    public IList<OpsetImport> Opsets => _opsets;

    /// <summary>The version of ONNX's own operator set; null where the model names none.</summary>
    public int? Opset
    {
        get
        {
            long? version = _opsets.FirstOrDefault(set => set.Domain is "" or "ai.onnx")?.Version;
            if (version is > 0 and <= int.MaxValue)
            {
                return (int)version;
            }

            return null;
        }
    }

    /// <summary>What exporters and people note beside the graph, in the order of the file.</summary>
    public IDictionary<string, string> Metadata => _metadata;

    /// <summary>The main graph.</summary>
    public Graph Graph => _graph!;

    /// <summary>The operators that the model defines itself.</summary>
    public IReadOnlyList<(string Domain, string Name)> Functions => [.. _functions.Select(f => (f.Domain, f.Name))];

    FieldTable IMessage.Fields => _fields;

    /// <summary>Opens a model and reads its structure; weights stay in the file.</summary>
    /// <param name="file">The ONNX file. It stays open, so that a file that replaces it does not mix with it.</param>
    /// <exception cref="OnnxFormatException">The file is no ONNX model.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static OnnxModel Open(string file)
    {
        SafeFileHandle handle = System.IO.File.OpenHandle(file, share: FileShare.Read | FileShare.Delete);
        try
        {
            return new OnnxModel(new ByteSource(handle), file);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Reads a model from memory.</summary>
    /// <param name="bytes">The bytes of an ONNX file. The model keeps slices of them: they must not change while it lives.</param>
    /// <param name="file">Where the bytes come from, if external data shall be found beside it.</param>
    /// <exception cref="OnnxFormatException">The bytes are no ONNX model.</exception>
    public static OnnxModel Parse(ReadOnlyMemory<byte> bytes, string? file = null) => new(new ByteSource(bytes), file);

    /// <summary>The number of bytes that the model takes when it is written.</summary>
    public long Length() => ProtoWriter.Length(this);

    /// <summary>The model as the bytes of an ONNX file, in one allocation.</summary>
    /// <exception cref="OnnxFormatException">The model takes more than 2 GB, or its file was shortened.</exception>
    public byte[] ToBytes() => ProtoWriter.ToBytes(this);

    /// <summary>Writes the model, of any length.</summary>
    public void Write(Stream stream) => ProtoWriter.Write(this, stream);

    /// <summary>Writes the model to a file, which may be the one it was read from. External data is not copied.</summary>
    public void Save(string file)
    {
        string part = file + ".part";
        using (FileStream stream = System.IO.File.Create(part))
        {
            Write(stream);
        }

        System.IO.File.Move(part, file, overwrite: true);
    }

    /// <summary>The files of external data that are missing beside the model or too short, each with what is wrong.</summary>
    /// <remarks>Tensors in subgraphs, attributes and functions count; a symbolic link counts as the file it points to. The file
    /// must lie in the model's folder or below it, as for ONNX Runtime.</remarks>
    public IReadOnlyList<string> MissingFiles()
    {
        HashSet<string> seen = [];
        List<string> missing = [];
        IEnumerable<Tensor> ofNodes = Nodes().SelectMany(node => node.Attributes).SelectMany(attribute => attribute.AllTensors());
        foreach (Tensor tensor in Graph.OwnTensors.Concat(ofNodes))
        {
            if (tensor.MissingFile() is { } fault && seen.Add(tensor.External!.Location))
            {
                missing.Add(fault);
            }
        }

        return missing;
    }

    /// <summary>The operators that neither ONNX nor ONNX Runtime's own domains nor the model's functions define.</summary>
    public IReadOnlyList<(string Domain, string OpType)> CustomOperators()
    {
        HashSet<(string, string)> defined = [.. Functions];
        return [.. Nodes().Select(node => (node.Domain, node.OpType)).Distinct()
            .Where(op => !KnownDomains.Contains(op.Domain) && !defined.Contains(op))];
    }

    /// <summary>Closes the file. Long tensors cannot be read or written any more.</summary>
    public void Dispose() => _source.Dispose();

    bool IMessage.ReadChild(ProtoReader field)
    {
        switch (field.Number)
        {
            case 7:
                _graph = field.Message(_graph ?? new Graph());
                return true;
            case 8:
                _opsets.Add(OpsetImport.Of(field.Message(new FieldTable())));
                return true;
            case 14:
                FieldTable entry = field.Message(new FieldTable());
                string key = entry.Text(1) ?? string.Empty;
                _entries[key] = entry;
                _metadata[key] = entry.Text(2) ?? string.Empty;
                return true;
            case 25:
                _functions.Add(field.Message(new Function()));
                return true;
            default:
                return false;
        }
    }

    void IMessage.WriteChildren(ProtoWriter writer)
    {
        writer.Message(7, _graph);
        writer.Messages(8, _opsets.Select(set => set.ToFields()));
        writer.Messages(14, _metadata.Select(pair => Entry(pair.Key, pair.Value)));
        writer.Messages(25, _functions);
    }

    private IEnumerable<Node> Nodes() =>
        Graph.AllNodes().Concat(_functions.SelectMany(function => Graph.AllNodes(function.Nodes)));

    private FieldTable Entry(string key, string value)
    {
        if (_entries.TryGetValue(key, out FieldTable? entry) && (entry.Text(2) ?? string.Empty) == value)
        {
            return entry;
        }

        FieldTable fields = new();
        fields.Set(1, key);
        fields.Set(2, value);
        return fields;
    }

    /// <summary>An operator that the model defines by nodes.</summary>
    private sealed class Function : IMessage
    {
        public FieldTable Fields { get; } = new();

        public string Name => Fields.Text(1) ?? string.Empty;

        public string Domain => Fields.Text(10) ?? string.Empty;

        public List<Node> Nodes { get; } = [];

        public bool ReadChild(ProtoReader field)
        {
            if (field.Number == 7)
            {
                Nodes.Add(field.Message(new Node()));
                return true;
            }

            return false;
        }

        public void WriteChildren(ProtoWriter writer) => writer.Messages(7, Nodes);
    }
}
