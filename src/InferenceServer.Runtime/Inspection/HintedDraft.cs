using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>A drafted manifest with an exporter's hints in it, where the trial runs do not contradict them.</summary>
internal sealed class HintedDraft
{
    private readonly ModelInspection _inspection;
    private readonly List<string> _origins = [];
    private readonly List<string> _notes;

    private HintedDraft(ModelManifest draft, ModelInspection inspection, IEnumerable<string> notes)
    {
        Manifest = draft;
        _inspection = inspection;
        _notes = [.. notes];
    }

    /// <summary>The manifest.</summary>
    public ModelManifest Manifest { get; private set; }

    /// <summary>The keys that hints filled, each with its source: <c>classes.names: from config.json: id2label</c>.</summary>
    public IReadOnlyList<string> Origins => _origins;

    /// <summary>The notes of the hints, and what was left out of the draft.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The assumptions of a draft that hints did not replace.</summary>
    public IEnumerable<string> Remaining(IEnumerable<string> assumptions) => assumptions.Where(assumption =>
    {
        string replacement = assumption.Split(':')[0] switch
        {
            "preprocess" => "preprocess.scale",
            "preprocess.resize" => "preprocess.resize",
            "classes" => "classes.names",
            string key => key,
        };
        return !_origins.Any(origin => origin.StartsWith(replacement, StringComparison.Ordinal));
    });

    /// <summary>Fills a draft.</summary>
    /// <param name="draft">The draft from the trial runs.</param>
    /// <param name="hints">What the exporter left.</param>
    /// <param name="inspection">What the trial runs showed.</param>
    public static HintedDraft Create(ModelManifest draft, ExporterHints hints, ModelInspection inspection)
    {
        HintedDraft result = new(draft, inspection, hints.Notes);
        result.TakeKind(hints);
        result.TakeClasses(hints);
        result.TakePixels(hints);
        result.TakeResize(hints);
        result.TakeSize(hints);
        result.TakeTiles(hints);
        IReadOnlyList<string> errors = ManifestValidator.Validate(result.Manifest, draft.Name ?? "model");
        if (errors.Count == 0 || ManifestValidator.Validate(draft, draft.Name ?? "model").Count > 0)
        {
            return result;
        }

        HintedDraft plain = new(draft, inspection, hints.Notes);
        plain._notes.Add($"What the exporter left makes no legal manifest and is not in the draft: {string.Join("; ", errors)}.");
        return plain;
    }

    private void TakeKind(ExporterHints hints)
    {
        // The trial tells logits from probabilities and labels; only what it cannot see is taken from a hint.
        if (hints.OutputKind is { } kind && kind.Value != _inspection.Kind)
        {
            if (kind.Value == OutputKind.MultilabelLogits && _inspection.Kind == OutputKind.Logits)
            {
                Manifest = Manifest with { Graph = Manifest.Graph with { OutputKind = kind.Value } };
                Manifest = Manifest with { Postprocess = Manifest.Postprocess with { Activation = "sigmoid" } };
                From("graph.output_kind", kind.Source);
            }
            else
            {
                _notes.Add(
                    $"{kind.Source} says that the output holds {kind.Value}, the trial runs show {_inspection.Kind}; "
                    + "the latter was taken.");
            }
        }

        bool thresholds = Manifest.Graph.OutputKind is OutputKind.BinaryLogit or OutputKind.BinaryProbability
            or OutputKind.MultilabelLogits or OutputKind.MultilabelProbabilities
            || (Manifest.Graph.OutputKind == OutputKind.Probabilities && _inspection.Channels == 1);
        if (hints.Threshold is { Value: > 0 and < 1 } threshold && thresholds)
        {
            Manifest = Manifest with { Postprocess = Manifest.Postprocess with { Threshold = [(float)threshold.Value] } };
            From("postprocess.threshold", threshold.Source);
        }
    }

    private void TakeClasses(ExporterHints hints)
    {
        if (hints.Names is not { } names)
        {
            return;
        }

        IReadOnlyList<string> taken = names.Value;
        bool endsInLabels = _inspection.Kind is OutputKind.Labels;
        if (taken.Count == _inspection.Classes - 1)
        {
            taken = ["background", .. taken];
            _notes.Add(
                $"{names.Source} has {names.Value.Count} names for {_inspection.Classes} classes; the first class was "
                + "named background.");
        }

        // A trial on noise rarely shows the largest label.
        if (taken.Count != _inspection.Classes && !(endsInLabels && taken.Count > _inspection.Classes))
        {
            _notes.Add(
                $"{names.Source} has {names.Value.Count} names, but the output has {_inspection.Classes} classes; the "
                + "names are not in the draft.");
            return;
        }

        IReadOnlyList<string>? palette = Manifest.Classes.Palette;
        if (hints.Palette is { } colors && colors.Value.Count == taken.Count)
        {
            palette = colors.Value;
            From("classes.palette", colors.Source);
        }

        Manifest = Manifest with { Classes = Manifest.Classes with { Names = taken, Palette = palette } };
        From("classes.names", names.Source);
    }

    private void TakePixels(ExporterHints hints)
    {
        int channels = _inspection.InputChannels;
        PreprocessManifest preprocess = Manifest.Preprocess;
        if (hints.ColorOrder is { } order && channels == 3)
        {
            preprocess = preprocess with { Color = order.Value };
            From("preprocess.color", order.Source);
        }

        if (hints.Normalization is { } normalization)
        {
            NormalizationHint hint = normalization.Value;
            if (hint.Mean.Count == 1 || hint.Mean.Count == channels)
            {
                preprocess = preprocess with
                {
                    Scale = hint.Scale,
                    Mean = [.. Enumerable.Range(0, channels).Select(c => hint.Mean[c % hint.Mean.Count])],
                    Std = [.. Enumerable.Range(0, channels).Select(c => hint.Std[c % hint.Std.Count])],
                };
                From("preprocess.scale, mean, std", normalization.Source);
            }
            else
            {
                _notes.Add(
                    $"{normalization.Source} has {hint.Mean.Count} means, but the input has {channels} channels; they "
                    + "are not in the draft.");
            }
        }

        if (hints.Pad is { } pad)
        {
            PadValue value = PadValue.Mean;
            if (pad.Value.Value is { } step)
            {
                value = PadValue.Color([(float)step]);
            }

            preprocess = preprocess with { Pad = new PadManifest { Where = pad.Value.Where, Value = value } };
            From("preprocess.pad", pad.Source);
        }

        Manifest = Manifest with { Preprocess = preprocess };
    }

    private void TakeResize(ExporterHints hints)
    {
        if (hints.Resize is not { } hint)
        {
            return;
        }

        ResizeManifest current = Manifest.Preprocess.Resize;
        IReadOnlyList<int>? only = Manifest.Preprocess.Size.Fixed;
        IReadOnlyList<int>? size = hint.Value.Size;
        if (size is null && hint.Value.Mode != ResizeMode.None)
        {
            size = only;
            if (hint.Value.Mode != ResizeMode.Exact && only is not null)
            {
                size = [only.Min()];
            }
        }

        bool fits = hint.Value.Mode == ResizeMode.None || size is not null;
        if (only is not null)
        {
            fits = hint.Value.Mode switch
            {
                ResizeMode.Exact => size is not null && ManifestValidator.Sides(size).SequenceEqual(only),
                ResizeMode.LongSide or ResizeMode.LongSidePad => size is [int side] && side <= only.Min(),
                _ => false,
            };
        }

        if (!fits)
        {
            _notes.Add(
                $"{hint.Source}: {hint.Value.Mode} {string.Join('×', size ?? [])} does not fit the graph's size; "
                + "preprocess.resize is not from there.");
            return;
        }

        ResizeManifest resize = current with
        {
            Mode = hint.Value.Mode,
            Size = size,
            Filter = hint.Value.Filter ?? current.Filter,
            Antialias = hint.Value.Antialias ?? current.Antialias,
        };
        Manifest = Manifest with { Preprocess = Manifest.Preprocess with { Resize = resize } };
        From("preprocess.resize", hint.Source);
    }

    private void TakeSize(ExporterHints hints)
    {
        SizeManifest current = Manifest.Preprocess.Size;
        if (hints.Size is not { } hint || current.Fixed is not null)
        {
            return;
        }

        // The exporter may know a stricter rule than that of the sizes that happen to run.
        bool stricter = hint.Value.Multiple % current.Multiple == 0 && hint.Value.Offset % current.Multiple == current.Offset;
        if (hint.Value.Fixed is null && stricter)
        {
            SizeManifest size = current with
            {
                Multiple = hint.Value.Multiple,
                Offset = hint.Value.Offset,
                Min = Math.Max(hint.Value.Min ?? 1, current.Min),
            };
            Manifest = Manifest with { Preprocess = Manifest.Preprocess with { Size = size } };
            From("preprocess.size", hint.Source);
        }
        else
        {
            _notes.Add($"{hint.Source} names sizes other than those that run; preprocess.size is from the trial runs.");
        }
    }

    private void TakeTiles(ExporterHints hints)
    {
        if (hints.TileSize is { } tile && Manifest.Graph.OutputKind is not (OutputKind.Labels or OutputKind.BinaryMask))
        {
            InferenceManifest tiles = Manifest.Inference with { Mode = InferenceMode.Slide, Crop = [tile.Value, tile.Value] };
            From("inference.mode, crop", tile.Source);
            if (hints.TileOverlap is { } overlap)
            {
                tiles = tiles with { StrideRate = 1 - overlap.Value };
                From("inference.stride_rate", overlap.Source);
            }

            Manifest = Manifest with { Inference = tiles };
        }
    }

    private void From(string keys, string source) => _origins.Add($"{keys}: from {source}");
}
