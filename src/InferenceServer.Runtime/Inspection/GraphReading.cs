using System.Text.Json;
using System.Text.RegularExpressions;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using OnnxGraph;

namespace InferenceServer.Runtime.Inspection;

/// <summary>What the names, shapes and operators of a graph say: which input takes the image, what the other inputs
/// take, and which output holds the result.</summary>
internal sealed partial class GraphReading
{
    private const int MaskPrototypes = 32;
    private const int BoxNumbers = 4;

    private static readonly string[] MainWords =
        ["out", "logit", "seg", "main", "pred", "mask", "sem", "prob", "result", "final", "label", "score"];

    private static readonly string[] SideWords =
        ["aux", "feat", "loss", "hidden", "embed", "edge", "bound", "interm", "side", "deepsup"];

    private static readonly HashSet<string> Reshaping =
        ["Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Transpose", "Sigmoid", "Exp"];

    private static readonly string[] SideExactly = ["ds", "deep", "backbone", "encoder"];
    private static readonly string[] ObjectWords = ["box", "boxes", "bbox", "bboxes", "dets", "detections"];
    private static readonly string[] QuantityWords = ["depth", "disparity", "disp", "normal", "normals", "flow"];

    private readonly Graph _graph;
    private readonly InspectionRequest _request;
    private readonly List<DraftNote> _notes = [];
    private readonly Dictionary<string, JsonElement> _values = [];

    /// <param name="graph">The graph.</param>
    /// <param name="request">What the caller says.</param>
    /// <param name="hints">What the exporter says.</param>
    /// <exception cref="GraphRefusedException">The graph makes no mask of classes, or does not tell what an input
    /// takes.</exception>
    public GraphReading(Graph graph, InspectionRequest request, ExporterHints hints)
    {
        (_graph, _request) = (graph, request);
        Input = ChooseInput();
        foreach (ValueInfo further in ExtraInputs.Of(graph, Input))
        {
            _values[further.Name] = JsonSerializer.SerializeToElement(ValueOf(further));
        }

        (Output, Shape) = ChooseOutput(hints);
        Trace = OutputTrace.Of(graph, Output.Masks ?? Output.Name!);
    }

    /// <summary>The image input.</summary>
    public ValueInfo Input { get; }

    /// <summary>Whether the image is given in steps of a quantised scale, which are no pixels where the network was
    /// trained on normalised ones.</summary>
    public bool IsQuantized => _graph.Consumers(Input.Name).Any(node => node.OpType == "DequantizeLinear");

    /// <summary>Values of the further inputs; null where there are none.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Values
    {
        get
        {
            if (_values.Count == 0)
            {
                return null;
            }

            return _values;
        }
    }

    /// <summary>The output, or both of queries.</summary>
    public GraphOutput Output { get; private set; }

    /// <summary>What the file declares of the output.</summary>
    public TensorSignature Shape { get; private set; }

    /// <summary>Names of the outputs that the graph does not tell from the chosen one; empty where it does.</summary>
    public IReadOnlyList<string> Ties { get; private set; } = [];

    /// <summary>Whether the outputs are the class and mask logits of queries.</summary>
    public bool AreQueries => Output.Masks is not null;

    /// <summary>What the operators make of the scores.</summary>
    public OutputTrace Trace { get; private set; }

    /// <summary>What was chosen, and why.</summary>
    public IReadOnlyList<DraftNote> Notes => _notes;

    /// <summary>Chooses another output.</summary>
    /// <param name="name">One of <see cref="Ties"/>.</param>
    public void Choose(string name)
    {
        (Output, Shape) = (new GraphOutput(name), TensorSignature.Of(_graph.Outputs.First(o => o.Name == name)));
        Trace = OutputTrace.Of(_graph, name);
    }

    /// <summary>The readings of the input's axes and channels, the most likely first.</summary>
    /// <param name="layout">The exporter's word for the axes; null where it left none.</param>
    /// <param name="channels">The exporter's number of channels; null where it left none.</param>
    public IReadOnlyList<(string Layout, int Channels)> Inputs(string? layout, int? channels)
    {
        if (Input.Shape is not (null or { Count: 3 or 4 }))
        {
            return [("NCHW", channels ?? 3)]; // the adapter says why no image fits
        }

        string? traced = layout ?? AxisTrace.Input(_graph, Input.Name);
        string[] layouts = Input.Shape is { Count: 3 } ? ["CHW", "HWC"] : ["NCHW", "NHWC"];
        if (traced is not null && layouts.Contains(traced))
        {
            layouts = [traced];
        }

        List<(string Layout, int Channels, int Order)> readings = [];
        foreach (string word in layouts)
        {
            long? length = Input.Shape?[word.IndexOf('C', StringComparison.Ordinal)].Value;
            if (length is > 0 and <= PreprocessManifest.MostChannels)
            {
                // Of two short axes the one of 3, else the shorter one, is that of the channels.
                readings.Add((word, (int)length, length == 3 ? 0 : (int)length));
            }
            else if (length is null or <= 0)
            {
                // Left open: colour or gray, unless the other reading names a number.
                IEnumerable<int> counts = channels is null ? [3, 1, 4] : [channels.Value];
                readings.AddRange(counts.Select((count, i) => (word, count, PreprocessManifest.MostChannels + i)));
            }
        }

        return [.. readings.OrderBy(r => r.Order).Select(r => (r.Layout, r.Channels))];
    }

    private ValueInfo ChooseInput()
    {
        ValueInfo[] inputs = [.. _graph.Inputs.Where(i => _graph.Initializer(i.Name) is null)];
        if (_request.Input is { } name)
        {
            return Array.Find(inputs, i => i.Name == name)
                ?? throw new GraphRefusedException($"--input: '{name}' is no input of the graph, which has " +
                    $"{Names(inputs)}");
        }

        ValueInfo[] read = [.. inputs.Where(i => _graph.Consumers(i.Name).Any())];
        ValueInfo[] images = [.. read.Where(i => i.Shape is { Count: 4 } && i.Shape.Count(d => d.Value == 1) < 3)];
        foreach (ValueInfo[] candidates in (ValueInfo[][])[read, images, [.. images.Where(IsImage)]])
        {
            if (candidates is [var only])
            {
                return only;
            }
        }

        throw new GraphRefusedException($"expected one input that takes an image, the graph has {Names(inputs)}; " +
            $"name the image's with --input");
    }

    private static bool IsImage(ValueInfo input) =>
        input.Shape is [_, { Value: 1 or 3 }, _, _] or [_, _, _, { Value: 1 or 3 }]
        || Words(input.Name).Any(w => w is "image" or "images" or "img" or "pixel" or "rgb");

    private object ValueOf(ValueInfo input)
    {
        string name = input.Name.ToUpperInvariant();
        bool isSize = name.Contains("SIZE", StringComparison.Ordinal)
            || name.Contains("SHAPE", StringComparison.Ordinal);
        if (name.Contains("ORIG", StringComparison.Ordinal))
        {
            return Given(ExtraInputs.OriginalSize);
        }

        if (isSize)
        {
            return Given(ExtraInputs.ImageSize);
        }

        bool isMask = name.Contains("MASK", StringComparison.Ordinal)
            && !IsFloat(input);
        if (isMask || name.Contains("SCALE", StringComparison.Ordinal))
        {
            return Given(1);
        }

        throw new GraphRefusedException(
            $"the graph has a further input whose value is not known: {TensorSignature.Of(input)}; export the graph " +
                $"without it, or write a " +
            $"manifest with graph.inputs {{ \"{input.Name}\": a number, a list, \"{ExtraInputs.ImageSize}\" or " +
                $"\"{ExtraInputs.OriginalSize}\" }}");

        object Given(object value)
        {
            Note(DraftNoteKind.Assumed, "graph.inputs", $"{TensorSignature.Of(input)} takes {value}, by its name");
            return value;
        }
    }

    private (GraphOutput Output, TensorSignature Shape) ChooseOutput(ExporterHints hints)
    {
        ValueInfo[] outputs = [.. _graph.Outputs];
        if (_request.Output is { } name)
        {
            ValueInfo named = Array.Find(outputs, o => o.Name == name)
                ?? throw new GraphRefusedException($"--output: '{name}' is no output of the graph, which has " +
                    $"{Names(outputs)}");
            return (new GraphOutput(named.Name), TensorSignature.Of(named));
        }

        const string Remedy = "export a semantic segmentation network, or name the output that holds scores or " +
            "labels of pixels with --output";
        if (hints.Task is { Value: ModelTask.InstanceSegmentation or ModelTask.Regression } task)
        {
            string made = task.Value == ModelTask.Regression ? "a quantity for each pixel" : "objects one by one";
            throw new GraphRefusedException($"{task.Source}: the model was made for {made}, not for a class of each " +
                $"pixel; {Remedy}");
        }

        if (outputs.FirstOrDefault(o => Words(o.Name).Any(ObjectWords.Contains)) is { } boxes)
        {
            throw new GraphRefusedException(
                $"the output '{boxes.Name}' is that of a detector or an instance network, which finds objects one " +
                    $"by one; {Remedy}");
        }

        if (Queries(outputs) is (var classes, var masks))
        {
            Note(
                DraftNoteKind.Taken, "graph.output",
                $"{TensorSignature.Of(classes)} and {TensorSignature.Of(masks)} are the class and mask logits of " +
                    $"queries");
            return (new GraphOutput(null, classes.Name, masks.Name), TensorSignature.Of(masks));
        }

        if (outputs.Count(o => o.Name.Contains("quer", StringComparison.OrdinalIgnoreCase)) > 1)
        {
            throw new GraphRefusedException(
                $"expected the class logits N×q×(n+1) and the mask logits N×q×h×w of queries, the graph has " +
                    $"{string.Join(", ", outputs.Select(TensorSignature.Of))}; export both with their batch axis");
        }

        if (outputs.FirstOrDefault(o => IsListOfObjects(o, outputs)) is { } list)
        {
            throw new GraphRefusedException(
                $"the outputs {Names(outputs)} are the boxes and mask prototypes of an instance network, which " +
                    $"finds objects one by one " +
                $"({TensorSignature.Of(list)}); {Remedy}");
        }

        ValueInfo chosen = ChooseHead(outputs, hints.OutputName);
        if (Words(chosen.Name).FirstOrDefault(QuantityWords.Contains) is { } quantity)
        {
            throw new GraphRefusedException(
                $"the output '{chosen.Name}' is named after a quantity ({quantity}), not after classes of pixels; " +
                    $"{Remedy}");
        }

        return (new GraphOutput(chosen.Name), TensorSignature.Of(chosen));
    }

    private static (ValueInfo Classes, ValueInfo Masks)? Queries(ValueInfo[] outputs)
    {
        foreach (ValueInfo classes in outputs.Where(o => o.Shape is { Count: 3 } && IsFloat(o)))
        {
            foreach (ValueInfo masks in outputs.Where(o => o.Shape is { Count: 4 } && IsFloat(o)))
            {
                (long? first, long? second) = (classes.Shape![1].Value, masks.Shape![1].Value);
                bool areNamed = (Has(classes, "quer") && Has(masks, "quer"))
                    || (Has(classes, "pred_logits") && Has(masks, "pred_masks"));
                if ((first > 0 && first == second) || (areNamed && (first is null or <= 0 || second is null or <= 0)))
                {
                    return (classes, masks);
                }
            }
        }

        return null;

        static bool Has(ValueInfo output, string word) =>
            output.Name.Contains(word, StringComparison.OrdinalIgnoreCase);
    }

    // Boxes, scores and mask coefficients of each anchor, beside the prototypes of the masks, as Ultralytics exports
    // them.
    private static bool IsListOfObjects(ValueInfo output, ValueInfo[] outputs)
    {
        const int Least = BoxNumbers + 1 + MaskPrototypes;
        bool isList = output.Shape is { Count: 3 } shape && IsFloat(output)
            && (shape[1].Value >= Least || shape[2].Value >= Least);
        bool areNamed = output.Name == "output0" && output.Shape is { Count: 3 };
        return (isList || areNamed)
            && outputs.Any(o => o.Shape is [_, { Value: MaskPrototypes }, _, _]
                || (areNamed && o.Name == "output1" && o.Shape is { Count: 4 }));
    }

    private ValueInfo ChooseHead(ValueInfo[] outputs, Hint<string>? hint)
    {
        if (hint is not null && Array.Find(outputs, o => o.Name == hint.Value) is { } hinted)
        {
            Note(DraftNoteKind.Taken, "graph.output", $"from {hint.Source}");
            return hinted;
        }

        ValueInfo[] candidates = [.. outputs
            .Where(o => o.Shape is null or { Count: >= 2 and <= 4 } && o.Type != ElementType.String)];
        if (candidates.Length == 0)
        {
            candidates = outputs;
        }

        ValueInfo[] others = [.. candidates.Where(o => !IsLargestScore(o))];
        if (others.Any(o => OutputTrace.Of(_graph, o.Name).Ending == OutputEnding.Labels))
        {
            candidates = others;
        }

        (ValueInfo Output, (int Name, int Kind, long Area) Rank)[] ranked =
            [.. candidates.Select(o => (o, (NameRank(o), KindRank(o), Area(o)))).OrderByDescending(o => o.Item2)];
        ValueInfo best = ranked[0].Output;
        if (candidates.Length == 1 && outputs.Length > 1)
        {
            Note(
                DraftNoteKind.Taken, "graph.output",
                $"'{best.Name}' of {Names(outputs)}: the others hold no class of each pixel; name another with --output");
        }

        if (candidates.Length > 1)
        {
            bool isTie = ranked[0].Rank == ranked[1].Rank;
            (DraftNoteKind kind, string why) = (DraftNoteKind.Taken, "the others look like auxiliary heads");
            if (isTie)
            {
                Ties = [.. ranked.Where(r => r.Rank == ranked[0].Rank).Select(r => r.Output.Name)];
                (kind, why) = (DraftNoteKind.Assumed, "nothing tells them apart, and the first was taken");
            }

            Note(kind, "graph.output", $"'{best.Name}' of {Names(outputs)}: {why}; name another with --output");
        }

        return best;
    }

    // The score of the class that the labels beside it name.
    private bool IsLargestScore(ValueInfo output)
    {
        string value = output.Name;
        while (_graph.Producer(value) is { } node)
        {
            if (node.OpType == "ReduceMax" || (node.OpType == "TopK" && node.Outputs.IndexOf(value) == 0))
            {
                return true;
            }

            if (!Reshaping.Contains(node.OpType))
            {
                break;
            }

            value = node.Inputs[0];
        }

        return false;
    }

    private static int NameRank(ValueInfo output)
    {
        string[] words = Words(output.Name);
        if (words.Any(w => SideWords.Any(s => w.StartsWith(s, StringComparison.Ordinal)) || SideExactly.Contains(w)))
        {
            return -1;
        }

        if (words.Any(w => MainWords.Any(m => w.StartsWith(m, StringComparison.Ordinal))))
        {
            return 1;
        }

        return 0;
    }

    // Scores tell more than the labels that were taken from them.
    private static int KindRank(ValueInfo output) => IsFloat(output) ? 1 : 0;

    private static long Area(ValueInfo output)
    {
        if (output.Shape is [.., { Value: > 0 and var height }, { Value: > 0 and var width }])
        {
            return height * width;
        }

        return 0;
    }

    /// <summary>Whether a value holds fractions.</summary>
    public static bool IsFloat(ElementType type) =>
        type is ElementType.Float32 or ElementType.Float16 or ElementType.Float64 or ElementType.BFloat16;

    private static bool IsFloat(ValueInfo value) => IsFloat(value.Type);

    private static string[] Words(string name) =>
        [.. NotLetters().Split(name).Select(w => w.ToLowerInvariant()).Where(w => w.Length > 0)];

    private static string Names(IEnumerable<ValueInfo> values) => string.Join(", ", values.Select(v => v.Name));

    private void Note(DraftNoteKind kind, string key, string text) => _notes.Add(new DraftNote(kind, key, text));

    [GeneratedRegex("[^A-Za-z]+")]
    private static partial Regex NotLetters();
}
