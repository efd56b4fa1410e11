using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>What is known of a graph beside its file.</summary>
internal sealed record AdaptationRequest
{
    /// <summary>The manifest's section <c>graph</c>.</summary>
    public required GraphManifest Graph { get; init; }

    /// <summary>Channels of the network's input; null where nothing says them.</summary>
    public int? Channels { get; init; }

    /// <summary>Number of classes; null where nothing says it.</summary>
    public int? Classes { get; init; }

    /// <summary>The probability above which the second of two classes is taken; null for one half.</summary>
    public double? Threshold { get; init; }

    /// <summary>Divides the logits.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>The label of pixels without a class.</summary>
    public int NoClass { get; init; }

    /// <summary>Whether the graph gets a second output, of labels, where it returns the scores of several classes.</summary>
    public bool WithLabels { get; init; }

    /// <summary>How the pixels of an 8-bit image become the input; null where the network takes none, or an image's pixels
    /// decide.</summary>
    public InputValues? Pixels { get; init; }

    /// <summary>A size that the graph takes, where its declared shape leaves the size open.</summary>
    public required ImageSize Size { get; init; }

    /// <summary>What a manifest says.</summary>
    public static AdaptationRequest Of(ModelManifest manifest)
    {
        InputSizing sizing = new(manifest.Preprocess);
        ClassTable classes = ClassTable.Create(manifest);
        return new AdaptationRequest
        {
            Graph = manifest.Graph,
            Channels = manifest.Preprocess.Mean.Count,
            Classes = classes.Names.Count,
            Threshold = manifest.Postprocess.Threshold is [var only] ? only : null,
            Temperature = manifest.Postprocess.Temperature,
            NoClass = classes.Ignore,
            Pixels = InputValues.OfEveryImage(manifest.Preprocess),
            // The sides differ from each other and from most numbers of classes.
            Size = sizing.Legal(new ImageSize(96, 64)),
        };
    }
}

/// <summary>Finds the image input and the result of a graph, and adapts both.</summary>
internal sealed class GraphAdapter
{
    private readonly string _file;
    private readonly OnnxModel _model;
    private readonly AdaptationRequest _request;
    private readonly Func<AdaptedGraph, GraphSource, TensorSignature> _probe;
    private readonly List<string> _added = [];

    private GraphAdapter(string file, OnnxModel model, AdaptationRequest request, Func<AdaptedGraph, GraphSource, TensorSignature> probe) =>
        (_file, _model, _request, _probe) = (file, model, request, probe);

    private Graph Graph => _model.Graph;

    private GraphManifest Manifest => _request.Graph;

    private IReadOnlyDictionary<string, JsonElement> Values => Manifest.Inputs ?? new Dictionary<string, JsonElement>();

    private long Opset => _model.Opset ?? throw new GraphRefusedException("expected a file that names the version of ONNX's operators");

    /// <summary>Reads and adapts a graph.</summary>
    /// <param name="file">An ONNX file.</param>
    /// <param name="request">What is known of it.</param>
    /// <param name="probe">Runs a graph whose input is adapted, and tells the type and the shape of its result; used
    /// where neither the file nor its operators tell them.</param>
    /// <exception cref="ManifestException">The graph cannot be served; the message names the remedy.</exception>
    public static (AdaptedGraph Graph, GraphSource Source) Adapt(
        string file, AdaptationRequest request, Func<AdaptedGraph, GraphSource, TensorSignature> probe)
    {
        try
        {
            using OnnxModel model = OnnxModel.Open(file);
            return new GraphAdapter(file, model, request, probe).Adapt();
        }
        catch (GraphRefusedException e)
        {
            throw new ManifestException(ModelFile.Display(file), [e.Message]);
        }
        catch (OnnxFormatException e)
        {
            throw new ManifestException(ModelFile.Display(file), [$"cannot read the graph: {e.Message}"]);
        }
    }

    private (AdaptedGraph Graph, GraphSource Source) Adapt()
    {
        GraphDescription source = GraphDescription.Of(_model);
        Check();
        ValueInfo input = Choose(Inputs(), Manifest.Input, "input");
        string order = AxisOrders.Input(Graph, input, _request.Channels, Manifest.Layout);
        int channels = (int)(input.Shape?[order.IndexOf('C', StringComparison.Ordinal)].Value ?? 0);
        if (channels <= 0)
        {
            channels = _request.Channels ?? 3;
        }

        if (channels > PreprocessManifest.MostChannels)
        {
            throw new GraphRefusedException(
                $"graph.input: expected 1 to {PreprocessManifest.MostChannels} channels, the graph has {TensorSignature.Of(input)}");
        }

        InputAdapter before = new(Graph, input, order, Manifest.Border);
        NodeWriter writer = new(Graph, Opset);
        ExtraInputs extra = new(Graph, input, order, writer, _added);
        extra.Apply(Values);
        before.Apply(_added, writer);
        Insert(writer, 0);
        AdaptedGraph adapted = new()
        {
            Input = input.Name,
            Output = "",
            SizeInput = extra.SizeInput,
            Channels = channels,
            Kind = OutputKind.Logits,
            MaxBatch = MaxBatch(before, extra),
            Added = _added,
            Source = source,
        };
        adapted = Manifest.OutputKind == OutputKind.Queries ? Queries(adapted, before) : Result(adapted, before);
        bool isChanged = _added.Count > 0 || before.IsRewritten;
        return (adapted, new GraphSource(_file, isChanged ? _model.ToBytes() : null, QuantizedWeights.Bits(Graph)));
    }

    private void Check()
    {
        if (_model.MissingFiles() is [var missing, ..])
        {
            throw new GraphRefusedException(
                $"expected the file '{missing}' with the graph's external weights beside the graph; copy it from " +
                "the export, under that name");
        }

        if (_model.CustomOperators() is [var custom, ..])
        {
            string remedy = custom.Domain == "ai.onnx.contrib"
                ? "export the network alone, without the steps of onnxruntime-extensions before and after it"
                : "export again without it, for instance for the backend \"onnxruntime\" with standard operators";
            throw new GraphRefusedException(
                $"the graph needs the operator {custom.OpType} of the domain {custom.Domain}, which ONNX Runtime does not have; {remedy}");
        }

        if (Graph.Nodes.Any(node => node.OpType == "BatchNormalization" && node.Int("training_mode", 0) == 1))
        {
            throw new GraphRefusedException(
                "the graph has a BatchNormalization in training mode, which normalises by the image at hand in place of what the " +
                "network learnt; export it in evaluation mode");
        }
    }

    // An input with a default is no input for the client.
    private IReadOnlyList<ValueInfo> Inputs() => [.. Graph.Inputs.Where(i => Graph.Initializer(i.Name) is null)];

    private AdaptedGraph Result(AdaptedGraph adapted, InputAdapter before)
    {
        ValueInfo output = Choose([.. Graph.Outputs], Manifest.Output?.Name, "output");
        OutputKind kind = Manifest.OutputKind;
        if (output.Shape is { Count: 5 })
        {
            throw new GraphRefusedException(
                $"graph.output: expected scores or labels of images, the graph has {TensorSignature.Of(output)}");
        }

        int? channels = Channels(kind);
        string? order = Manifest.OutputLayout;
        TensorSignature declared = TensorSignature.Of(output);
        if (order is null || NeedsChannels(kind, declared, order))
        {
            (order, declared) = Order(adapted with { Output = output.Name }, output, declared, channels);
        }

        int own = OwnChannels(declared, order);
        if (kind == OutputKind.Labels && own > 1)
        {
            throw new GraphRefusedException(
                $"graph.output: expected labels, one number for each pixel; the graph has {declared}. Where that " +
                "is a coloured mask, export " +
                "the labels or the scores that it was made from");
        }

        NodeWriter writer = new(Graph, Opset);
        OutputAdapter after = new(Graph, writer, _added) { Temperature = _request.Temperature };
        output.Type = declared.Type;
        after.Apply(output, order, kind, own < 0 ? null : own, _request.Threshold, before.Images, before.FixedBatch > 1);
        string? labels = null;
        if (_request.WithLabels && Manifest is { OutputStride: null or 1, OutputScale: null or 1 })
        {
            labels = after.AddLabels(output.Name, _request.NoClass);
        }

        Insert(writer, Graph.Nodes.Count);
        int maxBatch = order.Contains('N', StringComparison.Ordinal) ? adapted.MaxBatch : 1;
        return adapted with { Output = output.Name, Labels = labels, Kind = after.Kind, MaxBatch = maxBatch };
    }

    private AdaptedGraph Queries(AdaptedGraph adapted, InputAdapter before)
    {
        ValueInfo classes = ChooseQueries(Manifest.Output?.Classes, rank: 3, "classes");
        ValueInfo masks = ChooseQueries(Manifest.Output?.Masks, rank: 4, "masks");
        NodeWriter writer = new(Graph, Opset);
        OutputAdapter after = new(Graph, writer, _added);
        after.ApplyQueries(classes, masks);
        Insert(writer, Graph.Nodes.Count);
        return adapted with { Output = masks.Name, Kind = after.Kind, MaxBatch = before.FixedBatch > 1 ? 1 : adapted.MaxBatch };
    }

    private ValueInfo ChooseQueries(string? name, int rank, string key)
    {
        ValueInfo[] fitting = [.. Graph.Outputs.Where(o => o.Name == name || (name is null && o.Shape?.Count == rank))];
        if (fitting is [var only])
        {
            return only;
        }

        throw new GraphRefusedException(
            "graph.output: expected { \"classes\": NAME, \"masks\": NAME } of the class logits N×q×(n+1) and the mask " +
            "logits N×q×h×w; " +
            $"'{name}' does not tell the {key} among {Names([.. Graph.Outputs])}");
    }

    /// <summary>The order of the output's axes: from the declared shape and the operators, else from a run.</summary>
    private (string Order, TensorSignature Declared) Order(
        AdaptedGraph adapted, ValueInfo output, TensorSignature declared, int? channels)
    {
        string? traced = AxisTrace.Output(Graph, output.Name);
        if (declared.Type != ElementType.Undefined
            && AxisOrders.Output(declared.Shape, channels, traced) is { } order
            && !NeedsChannels(Manifest.OutputKind, declared, order))
        {
            return (order, declared);
        }

        TensorSignature seen = _probe(adapted, new GraphSource(_file, _model.ToBytes(), QuantizedWeights.Bits(Graph)));
        output.Shape = null;
        string? found = AxisOrders.Output(seen.Shape, channels, traced);
        if (found is null && Manifest.OutputKind == OutputKind.Probabilities && channels == 2)
        {
            found = AxisOrders.Output(seen.Shape, 1, traced); // one score for two classes
        }

        if (found is not null)
        {
            return (found, seen);
        }

        string why = seen.Shape.Count is 2 or 3 or 4
            ? "both readings fit, channels first and channels last"
            : "no reading of images fits";
        throw new GraphRefusedException(
            $"graph.output_layout: expected one of {string.Join(", ", GraphManifest.OutputLayouts)}: the output is {seen}, and {why}");
    }

    // Two classes with a threshold are one channel or two.
    private bool NeedsChannels(OutputKind kind, TensorSignature output, string order) =>
        kind == OutputKind.Probabilities && _request.Threshold is not null && OwnChannels(output, order) < 0;

    private static int OwnChannels(TensorSignature output, string order)
    {
        int at = order.IndexOf('C', StringComparison.Ordinal);
        if (at < 0)
        {
            return 1;
        }

        if (at < output.Shape.Count)
        {
            return output.Shape[at];
        }

        return -1;
    }

    private int? Channels(OutputKind kind) => kind switch
    {
        OutputKind.Labels or OutputKind.BinaryMask or OutputKind.BinaryLogit or OutputKind.BinaryProbability => 1,
        // A model of two classes may have one score.
        OutputKind.Probabilities when _request.Classes == 2
            && Graph.Outputs.Any(o => o.Shape is [_, { Value: 1 }, _, _] or [_, _, _, { Value: 1 }]) =>
            1,
        _ => _request.Classes,
    };

    private static int MaxBatch(InputAdapter before, ExtraInputs extra)
    {
        if (!before.HasBatchAxis || extra.SizeInput is not null || (before.FixedBatch > 1 && before.Images is null))
        {
            return 1;
        }

        return before.FixedBatch > 1 ? before.FixedBatch : int.MaxValue;
    }

    private void Insert(NodeWriter writer, int at)
    {
        foreach (Node node in writer.Nodes)
        {
            Graph.Nodes.Insert(at++, node);
        }
    }

    private ValueInfo Choose(IReadOnlyList<ValueInfo> tensors, string? name, string key)
    {
        if (name is null)
        {
            ValueInfo[] candidates = [.. tensors];
            if (key == "input" && candidates.Length > 1)
            {
                // Inputs that nothing reads were left by the exporter, and those of the manifest have a value.
                candidates = [.. candidates.Where(i => !Values.ContainsKey(i.Name) && Graph.Consumers(i.Name).Any())];
                ValueInfo[] images = [.. candidates.Where(i => i.Shape is { Count: 4 })];
                candidates = images.Length == 1 ? images : candidates;
            }

            if (candidates is [var only])
            {
                return Tensor(only, key)!;
            }

            throw new GraphRefusedException($"graph.{key}: the graph has several, name one of {Names(tensors)}");
        }

        return Tensor(tensors.FirstOrDefault(t => t.Name == name), key)
            ?? throw new GraphRefusedException($"graph.{key}: '{name}' is not in the graph, which has {Names(tensors)}");
    }

    // Converters of scikit-learn and some detectors return lists and maps.
    private static ValueInfo? Tensor(ValueInfo? value, string key)
    {
        if (value?.Kind is null or "" or "tensor")
        {
            return value;
        }

        throw new GraphRefusedException(
            $"graph.{key}: expected a tensor, '{value.Name}' is of the kind {value.Kind}; export the network alone");
    }

    private static string Names(IEnumerable<ValueInfo> tensors) => string.Join(", ", tensors.Select(t => t.Name));
}

/// <summary>Thrown for a graph that cannot be served.</summary>
/// <param name="error">What was expected, what the graph has, and the remedy.</param>
internal sealed class GraphRefusedException(string error) : Exception(error);
