using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using OnnxGraph;

namespace InferenceServer.Runtime.Inspection;

/// <summary>The trial runs of one graph, and the draft that follows from them.</summary>
/// <param name="sessions">Opens the graph.</param>
/// <param name="file">The ONNX file.</param>
/// <param name="graph">What the file holds.</param>
/// <param name="reading">What the graph says.</param>
/// <param name="hints">What the exporter left.</param>
/// <param name="cancellationToken">Stops the runs.</param>
internal sealed class GraphInspection(
    SessionFactory sessions, string file, Graph graph, GraphReading reading, ExporterHints hints,
        CancellationToken cancellationToken)
{
    private const string Labels = "NHW";

    /// <summary>Labels of trial runs that are plausible; more are steps of a probability.</summary>
    private const int MostLabels = 64;

    private static readonly ImageSize Unknown = new(96, 64);

    private readonly List<DraftNote> _notes = [.. reading.Notes];

    /// <summary>The tried rules for sides.</summary>
    public IReadOnlyList<SizeRule> Rules { get; private set; } = [];

    /// <summary>Channels of the output.</summary>
    public int Channels { get; private set; }

    /// <summary>Input and output of a run.</summary>
    public (ImageSize Input, ImageSize Grid) Seen { get; private set; }

    /// <summary>Where the draft's values come from.</summary>
    public IReadOnlyList<DraftNote> Notes => _notes;

    /// <summary>Runs the graph and drafts its manifest, without name and source.</summary>
    /// <param name="request">What the caller says.</param>
    /// <exception cref="ManifestException">The graph cannot be opened, or fails at every size.</exception>
    /// <exception cref="GraphRefusedException">The output is no mask of classes.</exception>
    public ModelManifest Draft(InspectionRequest request)
    {
        using Trial trial = OpenLargest();
        GraphSizes sizes = trial.Sizes;
        string? traced = reading.AreQueries ? "NCHW" : AxisTrace.Output(graph, reading.Output.Name!);
        OutputAxes? axes = sizes.IsConstant
            ? OutputAxes.OfConstant(sizes.Runs[0].Shape, traced)
            : OutputAxes.Find(sizes.Runs, traced, request.Classes?.Count ?? hints.Names?.Value.Count);
        if (axes is null || axes.Grid(sizes.Runs[0]).Pixels == 1)
        {
            throw new GraphRefusedException(
                $"expected scores or labels of pixels, but an input of " +
                    $"{trial.Session.Layout.Describe(1, sizes.Runs[0].Input)} gives an " +
                $"output of {string.Join('×', sizes.Runs[0].Shape)}; name another output with --output");
        }

        sizes.Settle(axes, hints, _notes);
        TrialRun run = sizes.Runs[0];
        Channels = axes.Channels(run);
        Seen = (run.Input, axes.Grid(run));
        ManifestDraft draft = new(hints, _notes);
        (PreprocessManifest values, IReadOnlyList<TrialRun> looks) = Look(trial, run.Input);
        OutputKind kind = Kind(looks, axes, request.Output is not null);
        int classes = Classes(kind, looks);
        string? outputLayout = OutputLayout(axes, traced, kind, classes, run.Shape);
        if (axes.IsGuess && outputLayout is not null)
        {
            Guess("graph.output_layout", $"{string.Join('×', run.Shape)} can be read in more than one way");
        }

        InferenceManifest inference = draft.Inference(kind, sizes.Legal.Fixed);
        return new ModelManifest
        {
            Schema = 1,
            Graph = new GraphManifest
            {
                Input = reading.Input.Name,
                Output = reading.Output,
                Layout = InputLayout(trial.Layout, trial.Session.Layout.Channels),
                OutputLayout = outputLayout,
                Inputs = reading.Values,
                OutputKind = kind,
                OutputBorder = sizes.Border,
            },
            Preprocess = draft.Sized(values, sizes.Legal, inference.Mode == InferenceMode.Slide),
            Inference = inference,
            Postprocess = draft.Postprocess(kind, classes),
            Classes = draft.Classes(kind, classes, request.Classes),
        };
    }

    /// <summary>Opens the graph with the output of the largest grid, where nothing else tells several apart.</summary>
    private Trial OpenLargest()
    {
        int before = _notes.Count;
        using Owned<Trial> first = new(Open());
        if (reading.Ties.MaxBy(name => GridOf(name, first.Value)) is not { } largest || largest == reading.Output.Name)
        {
            return first.Release();
        }

        _notes.RemoveRange(before, _notes.Count - before);
        _notes.RemoveAll(note => note.Key == "graph.output");
        string all = string.Join(", ", reading.Ties);
        reading.Choose(largest);
        Note("graph.output", $"'{largest}' of {all}: the largest grid; name another with --output");
        return Open();
    }

    private long GridOf(string output, Trial trial)
    {
        if (output == reading.Output.Name)
        {
            return Area(trial.Sizes.Runs[0]);
        }

        using IModelSession session = Open(trial.Layout, trial.Session.Layout.Channels, new GraphOutput(output));
        TrialRun? run = TrialRun.Run(
            session, 1, trial.Sizes.Runs[0].Input, trial.Values, cancellationToken, shapeOnly: true);
        return run is null ? 0 : Area(run);

        static long Area(TrialRun run) => run.Shape.OrderDescending().Take(2).Aggregate(1L, (area, side) => area * side);
    }

    /// <summary>Opens the graph with the first reading of its input that runs at any size.</summary>
    private Trial Open()
    {
        IReadOnlyList<(string Layout, int Channels)> inputs =
            reading.Inputs(hints.Layout?.Value, hints.Channels?.Value);
        ManifestException? refusal = null;
        string? failure = null;
        foreach ((string layout, int channels) in inputs)
        {
            int before = _notes.Count;
            try
            {
                using Owned<IModelSession> opened = new(Open(layout, channels, reading.Output));
                PreprocessManifest values = new ManifestDraft(hints, _notes)
                    .Normalization(channels, reading.Input.Type, reading.IsQuantized);
                SizeTrials trials = new(opened.Value, values, cancellationToken);
                GraphSizes sizes = new(trials, graph);
                bool works = sizes.Find(TensorLayout.Sides(opened.Value.Signature.Inputs[0].Shape), hints, _notes);
                Rules = sizes.Rules;
                if (works)
                {
                    if (reading.Input.Shape?[layout.IndexOf('C', StringComparison.Ordinal)].Value is null or <= 0)
                    {
                        Guess("graph.input", $"{TensorSignature.Of(reading.Input)} runs as {layout} with {channels} " +
                            $"channels, the first reading that does");
                    }

                    return new Trial(opened.Release(), layout, values, sizes);
                }

                failure ??= trials.Failure;
            }
            catch (ManifestException e)
            {
                refusal ??= e;
            }

            _notes.RemoveRange(before, _notes.Count - before);
        }

        if (inputs.Count == 0)
        {
            throw new GraphRefusedException(
                $"graph.input: expected 1 to {PreprocessManifest.MostChannels} channels, the graph has " +
                    $"{TensorSignature.Of(reading.Input)}");
        }

        throw refusal ?? new ManifestException(
            ModelFile.Display(file),
            [$"expected a graph that runs at a common image size, but it failed at every tried size; the first " +
                $"failure: {failure}"]);
    }

    // Labels N×h×w pass the adapter as they are, so that a run shows the output's own shape and numbers.
    private IModelSession Open(string layout, int channels, GraphOutput output)
    {
        GraphManifest manifest = new()
        {
            Input = reading.Input.Name,
            Output = output,
            Layout = layout,
            Inputs = reading.Values,
            OutputKind = reading.AreQueries ? OutputKind.Queries : OutputKind.Labels,
            OutputLayout = reading.AreQueries ? null : Labels,
        };
        AdaptationRequest request = new() { Graph = manifest, Channels = channels, Size = Unknown };
        return sessions.Open(file, request).Session;
    }

    /// <summary>Runs the graph on images as the draft normalises them, from 0 to 1, and from 0 to 255.</summary>
    private (PreprocessManifest Values, IReadOnlyList<TrialRun> Looks) Look(Trial trial, ImageSize size)
    {
        PreprocessManifest drafted = trial.Values, unit = ManifestDraft.Unit(drafted);
        (PreprocessManifest Values, TrialRun? Run)[] looks = [.. new[] { drafted, unit, ManifestDraft.Bytes(drafted) }
            .Select(values => (values, TrialRun.Run(trial.Session, 1, size, values, cancellationToken)))];
        (PreprocessManifest Values, TrialRun? Run)[] finite = [.. looks.Where(look => look.Run is { IsFinite: true })];
        if (finite.Length > 0 && finite[0].Values != drafted && hints.Normalization is null)
        {
            int assumed = _notes.FindIndex(note => note.Kind == DraftNoteKind.Assumed && note.Key == "preprocess.mean");
            if (assumed >= 0)
            {
                _notes.RemoveAt(assumed);
            }

            drafted = finite[0].Values;
            string range = drafted == unit ? "0 to 1" : "0 to 255";
            Guess("preprocess.mean", $"values of {range}: those of ImageNet models give NaN or infinity. Check them " +
                $"against the training code");
        }

        return (drafted, [.. (finite.Length > 0 ? finite : looks).Select(look => look.Run).OfType<TrialRun>()]);
    }

    private OutputKind Kind(IReadOnlyList<TrialRun> looks, OutputAxes axes, bool isNamed)
    {
        if (reading.AreQueries)
        {
            return OutputKind.Queries;
        }

        OutputTrace trace = reading.Trace;
        if (Channels is 3 or 4 && (trace.Ending == OutputEnding.Colors
            || (reading.Shape.Type == ElementType.UInt8 && trace.Ending == OutputEnding.Unknown)))
        {
            throw new GraphRefusedException(
                $"the output {reading.Shape} is a coloured mask, whose colours are no labels; export the labels or " +
                    $"the scores that it was made from");
        }

        if (Channels == 1 && trace is { Ending: OutputEnding.Quantity, IsCertain: true } && !isNamed
            && hints.Task is null)
        {
            throw new GraphRefusedException(
                $"the output '{reading.Shape.Name}' ends in {trace.Operator}: a quantity for each pixel, such as a " +
                    $"depth, and no class. Export a " +
                "semantic segmentation network, or name the output with --output where it holds scores of a class " +
                    "all the same");
        }

        bool areMultiples = trace is { Ending: OutputEnding.Sigmoid, IsCertain: false }
            && looks.All(look => !look.AreIntegers && look.Values.Min() >= 0) && looks.Any(look => !look.IsInUnitRange);
        if (areMultiples && !looks.All(look => look.AreWhole))
        {
            throw new GraphRefusedException(
                $"the output '{reading.Shape.Name}' holds probabilities times a number, up to " +
                    $"{looks.Max(look => look.Values.Max()):G3}; export the graph without the product behind its {trace.Operator}");
        }

        bool isCertain = true;
        OutputKind kind = Channels == 1
            ? Single(trace, looks, out isCertain)
            : Several(trace, looks, axes, out isCertain);
        // The operators do not show whether classes exclude each other.
        bool isOpen = !isCertain || (hints.OutputKind?.Value, kind)
            is (OutputKind.MultilabelLogits, OutputKind.Logits)
            or (OutputKind.Probabilities, OutputKind.MultilabelProbabilities);
        if (hints.OutputKind is { } said && isOpen && (said.Value == OutputKind.Labels) == (kind == OutputKind.Labels))
        {
            kind = Channels > 1 ? said.Value : Of(said.Value, kind);
            Note("graph.output_kind", $"from {said.Source}");
            return kind;
        }

        if (hints.OutputKind is { } other && other.Value != kind && !(Channels == 1 && Of(other.Value, kind) == kind))
        {
            Check("graph.output_kind", $"{other.Source} says that the output holds {other.Value}, the graph shows " +
                $"{kind}, which was taken");
        }

        if (isCertain)
        {
            string overlap = kind == OutputKind.Logits ? "; where classes overlap, write \"multilabel_logits\"" : "";
            Note("graph.output_kind", $"the graph ends in {trace.Operator}{overlap}");
        }
        else
        {
            Guess("graph.output_kind", "from the values of trial runs; the operators do not show it");
        }

        if (kind == OutputKind.MultilabelProbabilities)
        {
            Guess("graph.output_kind", "a sigmoid for each class lets classes overlap; where they exclude each " +
                "other, write \"probabilities\"");
        }

        return kind;
    }

    private static OutputKind Of(OutputKind said, OutputKind single) => said switch
    {
        OutputKind.Logits or OutputKind.MultilabelLogits => OutputKind.BinaryLogit,
        OutputKind.Probabilities or OutputKind.MultilabelProbabilities => OutputKind.BinaryProbability,
        OutputKind.Queries => single,
        _ => said,
    };

    private static OutputKind Single(OutputTrace trace, IReadOnlyList<TrialRun> looks, out bool isCertain)
    {
        isCertain = trace.IsCertain;
        float[] values = [.. looks.SelectMany(look => look.Values.Distinct()).Distinct()];
        bool areWhole = looks.All(look => look.AreWhole);
        bool isMask = areWhole && values.Length <= 2
            && (values.Max() == byte.MaxValue || (values.Length == 2 && values.Max() == 1));
        switch (trace.Ending)
        {
            case OutputEnding.Labels when trace.IsCertain:
                return OutputKind.Labels;
            case OutputEnding.Mask when areWhole:
            case OutputEnding.Labels when isMask && values.Max() == byte.MaxValue:
                isCertain = true;
                return OutputKind.BinaryMask;
            case OutputEnding.Labels when areWhole:
                return OutputKind.Labels;
            case OutputEnding.Softmax or OutputEnding.Sigmoid when trace.IsCertain:
                return OutputKind.BinaryProbability;
            case OutputEnding.Scores or OutputEnding.Quantity
                when trace.IsCertain && looks.All(look => !look.AreIntegers):
                return OutputKind.BinaryLogit;
        }

        isCertain = false;
        bool isActivated = trace.Ending is OutputEnding.Softmax or OutputEnding.Sigmoid;
        if (looks[0].AreIntegers && !isMask && (isActivated || values.Length > MostLabels))
        {
            return OutputKind.BinaryProbability; // in steps of a type
        }

        if (areWhole)
        {
            return isMask ? OutputKind.BinaryMask : OutputKind.Labels;
        }

        return looks.All(look => look.IsInUnitRange) ? OutputKind.BinaryProbability : OutputKind.BinaryLogit;
    }

    private static OutputKind Several(
        OutputTrace trace, IReadOnlyList<TrialRun> looks, OutputAxes axes, out bool isCertain)
    {
        isCertain = trace.IsCertain && trace.Ending
            is OutputEnding.Softmax or OutputEnding.Sigmoid or OutputEnding.Scores or OutputEnding.Quantity;
        if (isCertain)
        {
            return trace.Ending switch
            {
                OutputEnding.Softmax => OutputKind.Probabilities,
                OutputEnding.Sigmoid => OutputKind.MultilabelProbabilities,
                _ => OutputKind.Logits,
            };
        }

        bool isActivated = trace.Ending is OutputEnding.Softmax or OutputEnding.Sigmoid;
        if (!looks.All(look => look.IsInUnitRange || (look.AreIntegers && isActivated)))
        {
            return OutputKind.Logits;
        }

        bool overlap = trace.Ending is OutputEnding.Sigmoid or OutputEnding.Mask
            && !looks.All(look => look.SumsToOne(axes.ChannelAxis));
        return overlap ? OutputKind.MultilabelProbabilities : OutputKind.Probabilities;
    }

    private int Classes(OutputKind kind, IReadOnlyList<TrialRun> looks)
    {
        if (kind.IsBinary())
        {
            return 2;
        }

        if (kind != OutputKind.Labels)
        {
            return Channels;
        }

        int seen = (int)looks.SelectMany(look => look.Values)
            .Where(v => v is >= 0 and < byte.MaxValue).DefaultIfEmpty().Max() + 1;
        if (reading.Trace.Classes is { } classes && classes >= seen)
        {
            Note("classes.names", $"the labels are taken from {classes} scores");
            return Math.Max(classes, 2);
        }

        Guess("classes.names", $"as many as the largest label of the trial runs shows, {seen - 1}; the graph does " +
            $"not tell the number");
        return Math.Max(seen, 2);
    }

    // Left out where the server finds the same by itself.
    private string? InputLayout(string layout, int channels)
    {
        try
        {
            if (reading.Input.Shape is not null
                && AxisOrders.Input(graph, reading.Input, channels, declared: null) == layout)
            {
                return null;
            }
        }
        catch (GraphRefusedException)
        {
            // The server does not find it.
        }

        return layout;
    }

    private string? OutputLayout(OutputAxes axes, string? traced, OutputKind kind, int classes, IReadOnlyList<int> seen)
    {
        bool isOne = kind == OutputKind.Labels || kind.IsBinary();
        int channels = isOne ? 1 : classes;
        string? found = AxisOrders.Output(reading.Shape.Shape, channels, traced)
            ?? AxisOrders.Output(seen, channels, traced);
        if (kind == OutputKind.Queries || (found is not null && Plain(found) == Plain(axes.Layout)))
        {
            return null;
        }

        return axes.Layout;

        string Plain(string word) => word switch
        {
            "N1HW" => "NCHW",
            "NHW1" => "NHWC",
            "CHW" when isOne => "NHW",
            _ => word,
        };
    }

    private void Note(string key, string text) => _notes.Add(new DraftNote(DraftNoteKind.Taken, key, text));

    private void Check(string key, string text) => _notes.Add(new DraftNote(DraftNoteKind.Check, key, text));

    private void Guess(string key, string text) => _notes.Add(new DraftNote(DraftNoteKind.Assumed, key, text));

    /// <summary>An open graph and the sizes that it takes.</summary>
    private sealed record Trial(
        IModelSession Session, string Layout, PreprocessManifest Values, GraphSizes Sizes) : IDisposable
    {
        public void Dispose() => Session.Dispose();
    }
}
