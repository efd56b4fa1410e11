using System.Security.Cryptography;
using System.Text.RegularExpressions;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using OnnxGraph;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Drafts the sections of a manifest: what runs showed, else what the exporter left, else the most common
/// values; and notes the origin of each value.</summary>
/// <param name="hints">What the exporter left.</param>
/// <param name="notes">Receives the origins.</param>
internal sealed partial class ManifestDraft(ExporterHints hints, IList<DraftNote> notes)
{
    private static readonly float[] ImageNetMean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] ImageNetStd = [0.229f, 0.224f, 0.225f];

    /// <summary>Values from 0 to 1.</summary>
    public static PreprocessManifest Unit(PreprocessManifest values) => Values(values, 1f / byte.MaxValue);

    /// <summary>Values from 0 to 255.</summary>
    public static PreprocessManifest Bytes(PreprocessManifest values) => Values(values, 1);

    /// <summary>The section <c>source</c>.</summary>
    public static SourceManifest Source(string file, GraphDescription graph)
    {
        using FileStream stream = File.OpenRead(file);
        return new SourceManifest
        {
            Exporter = graph.Producer.Length > 0 ? graph.Producer : null,
            Opset = graph.Opset,
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(stream)),
        };
    }

    /// <summary>The normalisation, with any size.</summary>
    /// <param name="channels">Channels of the image input.</param>
    /// <param name="type">Its element type.</param>
    /// <param name="isQuantized">Whether the graph takes steps of a quantised scale.</param>
    public PreprocessManifest Normalization(int channels, ElementType type, bool isQuantized = false)
    {
        NormalizationHint? hint = hints.Normalization?.Value;
        if (hint is not null && hint.Mean.Count != channels && hint.Mean.Distinct().Count() > 1)
        {
            Check("preprocess.mean", $"{hints.Normalization!.Source} has {hint.Mean.Count} means, but the input has " +
                $"{channels} channels; ignored");
            hint = null;
        }

        bool isFloat = GraphReading.IsFloat(type);
        ChannelOrder color = channels == 1 ? ChannelOrder.Gray : ChannelOrder.Rgb;
        if (channels == 3 && hints.ColorOrder is { Value: not ChannelOrder.Gray } order)
        {
            color = order.Value;
            Note("preprocess.color", $"from {order.Source}");
        }

        if (channels is not (1 or 3))
        {
            Guess("preprocess", $"the graph takes {channels} channels, and an image has three: clients must send " +
                $"normalised tensors");
        }
        else if (hint is not null)
        {
            Note("preprocess.scale", $"from {hints.Normalization!.Source}, with mean and std");
        }
        else if (!isFloat && isQuantized)
        {
            Guess("preprocess.mean", $"the graph takes quantised {type.Name()}; where its steps are no pixels, " +
                $"write scale, mean and std that make them");
        }
        else if (!isFloat)
        {
            Note("preprocess.mean", $"the graph takes {type.Name()}, and so normalises the pixels itself");
        }
        else
        {
            string values = $"{color.ToString().ToUpperInvariant()}, normalised as ImageNet models are";
            if (channels == 1)
            {
                values = "gray from 0 to 1";
            }

            Guess(
                "preprocess.mean", $"{values}. Wrong values rarely fail, they cost accuracy: check scale, mean, std " +
                    $"and color against the training code");
        }

        bool isImageNet = channels == 3 && isFloat;
        IReadOnlyList<float> mean = isImageNet ? ImageNetMean : new float[channels];
        IReadOnlyList<float> std = isImageNet ? ImageNetStd : [.. Enumerable.Repeat(1f, channels)];
        float scale = isFloat ? 1f / byte.MaxValue : 1;
        if (hint is not null)
        {
            scale = hint.Scale;
            mean = hint.Mean.Count == channels ? hint.Mean : [.. Enumerable.Repeat(hint.Mean[0], channels)];
            std = hint.Std.Count == channels ? hint.Std : [.. Enumerable.Repeat(hint.Std[0], channels)];
        }

        return new PreprocessManifest
        {
            Color = color,
            Scale = scale,
            Mean = mean,
            Std = std,
            Resize = new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true },
            Size = new SizeManifest { Multiple = 1 },
            Pad = new PadManifest(),
        };
    }

    /// <summary>The sections <c>resize</c> and <c>pad</c> for sizes that runs have shown.</summary>
    /// <param name="values">The normalisation.</param>
    /// <param name="size">The legal sizes.</param>
    /// <param name="slides">Whether images run in tiles.</param>
    public PreprocessManifest Sized(PreprocessManifest values, SizeManifest size, bool slides)
    {
        ResizeHint? hint = hints.Resize?.Value;
        ResizeFilter filter = hint?.Filter ?? ResizeFilter.Bilinear;
        bool antialias = hint?.Antialias ?? true;
        ResizeManifest resize = new() { Mode = ResizeMode.None, Filter = filter, Antialias = antialias };
        bool isTaken = false;
        if (hint is not null && !slides && Fitted(hint, size.Fixed) is (true, var sides))
        {
            isTaken = true;
            resize = resize with { Mode = hint.Mode, Size = sides };
            Note("preprocess.resize", $"from {hints.Resize!.Source}");
        }
        else if (size.Fixed is not null && !slides)
        {
            resize = resize with { Mode = ResizeMode.Exact, Size = size.Fixed };
            Guess(
                "preprocess.resize",
                "images are stretched to the graph's only size; \"long_side\" keeps their ratio and pads, "
                + "inference.mode \"slide\" cuts tiles");
        }
        else if (!slides)
        {
            Guess("preprocess.resize", "images keep their own size; check what the model was evaluated with");
        }

        if (hint is not null && !isTaken)
        {
            string sizes = string.Join('×', hint.Size ?? []);
            Check("preprocess.resize", $"{hints.Resize!.Source}: {hint.Mode} {sizes} does not fit the draft; ignored");
        }

        PadManifest pad = new();
        if (hints.Pad is { } padding)
        {
            PadValue value = padding.Value.Value is { } step ? PadValue.Color([(float)step]) : PadValue.Mean;
            pad = new PadManifest { Where = padding.Value.Where, Value = value };
            Note("preprocess.pad", $"from {padding.Source}");
        }

        return values with { Resize = resize, Size = size, Pad = pad };
    }

    /// <summary>The section <c>inference</c>: tiles where the exporter cut tiles.</summary>
    public InferenceManifest Inference(OutputKind kind, IReadOnlyList<int>? only)
    {
        if (hints.TileSize is not { } tile || kind.EndsInLabels()
            || (only is not null && only.Any(side => side != tile.Value)))
        {
            return new InferenceManifest();
        }

        Note("inference", $"tiles from {tile.Source}");
        return new InferenceManifest
        {
            Mode = InferenceMode.Slide,
            Crop = [tile.Value],
            StrideRate = hints.TileOverlap is { } overlap ? 1 - overlap.Value : null,
        };
    }

    /// <summary>The section <c>postprocess</c>.</summary>
    public PostprocessManifest Postprocess(OutputKind kind, int classes)
    {
        Guess("postprocess.align_corners", "false; true for weights of Caffe and semseg");
        IReadOnlyList<float>? threshold = null;
        if (hints.Threshold is { Value: > 0 and < 1 } hint && (classes == 2 || kind.IsMultilabel()))
        {
            threshold = [(float)hint.Value];
            Note("postprocess.threshold", $"from {hint.Source}");
        }

        return new PostprocessManifest { Threshold = threshold };
    }

    /// <summary>The section <c>classes</c>.</summary>
    /// <param name="kind">What the output holds.</param>
    /// <param name="count">The number of classes that the graph shows.</param>
    /// <param name="given">The names that the caller gives.</param>
    /// <exception cref="ManifestException">The caller gives another number of names.</exception>
    public ClassesManifest Classes(OutputKind kind, int count, IReadOnlyList<string>? given)
    {
        IReadOnlyList<string>? names = Fits(given, kind, count) ? given : null;
        if (given is not null && names is null)
        {
            throw new ManifestException("--classes", [$"expected {count} names, one for each class of the graph, " +
                $"got {given.Count}"]);
        }

        if (names is null && hints.Names is { } hint)
        {
            names = Named(hint.Value, kind, count);
            if (names is null)
            {
                Check("classes.names", $"{hint.Source} has {hint.Value.Count} names, but the output has {count} " +
                    $"classes; ignored");
            }
            else
            {
                Note("classes.names", $"from {hint.Source}");
            }
        }

        if (names is null && kind.IsBinary())
        {
            names = ["background", "foreground"];
        }

        if (names is null)
        {
            names = [.. Enumerable.Range(0, count).Select(i => $"class_{i}")];
            Guess("classes.names", "the graph does not name its classes; write their names, or give them with " +
                "--classes");
        }

        IReadOnlyList<string> palette = ["voc"];
        if (hints.Palette is { } colors && colors.Value.Count == names.Count)
        {
            palette = colors.Value;
            Note("classes.palette", $"from {colors.Source}");
        }

        return new ClassesManifest { Names = names, Palette = palette };
    }

    /// <summary>A manifest as text, with the origin of its values as comments, which <see cref="ManifestReader"/>
    /// reads.</summary>
    public static string Write(ModelManifest manifest, IEnumerable<DraftNote> notes)
    {
        string[] lines = ManifestReader.Write(manifest).Split('\n');
        (string Path, int Line)[] keys = [.. Keys(lines)];
        ILookup<int, string> comments = notes.ToLookup(note => LineOf(keys, note.Key), note => note.Comment);
        return string.Join('\n', lines.SelectMany((line, i) => comments[i]
            .Select(c => $"{Indent(line)}// {c}").Append(line)));
    }

    private static IEnumerable<(string Path, int Line)> Keys(string[] lines)
    {
        List<string> path = [];
        for (int i = 0; i < lines.Length; i++)
        {
            if (Key().Match(lines[i]) is { Success: true } key)
            {
                int depth = (key.Groups[1].Length / 2) - 1;
                path.RemoveRange(Math.Min(depth, path.Count), Math.Max(path.Count - depth, 0));
                path.Add(key.Groups[2].Value);
                yield return (string.Join('.', path), i);
            }
        }
    }

    // A key that was left out is explained above its section.
    private static int LineOf((string Path, int Line)[] keys, string key)
    {
        for (string at = key; at.Length > 0; at = at[..Math.Max(at.LastIndexOf('.'), 0)])
        {
            foreach ((string path, int line) in keys)
            {
                if (path == at)
                {
                    return line;
                }
            }
        }

        return 1; // the first key of the manifest
    }

    private static string Indent(string line) => line[..^line.TrimStart().Length];

    // Where the source leaves the size to the graph, the graph's only size is meant.
    private static (bool Fits, IReadOnlyList<int>? Size) Fitted(ResizeHint hint, IReadOnlyList<int>? only)
    {
        if (only is null)
        {
            return (hint.Size is not null || hint.Mode == ResizeMode.None, hint.Size);
        }

        IReadOnlyList<int> own = hint.Mode == ResizeMode.Exact ? only : [only.Min()];
        IReadOnlyList<int> size = hint.Size ?? own;
        bool fits = hint.Mode switch
        {
            ResizeMode.Exact => ManifestValidator.Sides(size).SequenceEqual(only),
            ResizeMode.LongSide or ResizeMode.LongSidePad => size is [int side] && side <= only.Min(),
            _ => false,
        };
        return (fits, size);
    }

    private static PreprocessManifest Values(PreprocessManifest values, float scale) => values with
    {
        Scale = scale,
        Mean = new float[values.Mean.Count],
        Std = [.. Enumerable.Repeat(1f, values.Mean.Count)],
    };

    // Labels do not tell their number for sure, and one score may be that of the only named class.
    private static bool Fits(IReadOnlyList<string>? names, OutputKind kind, int count)
    {
        return names is not null
            && (names.Count == count || (kind == OutputKind.Labels && names.Count > count)
                || (kind.IsBinary() && names.Count == 1));
    }

    private IReadOnlyList<string>? Named(IReadOnlyList<string> names, OutputKind kind, int count)
    {
        if (Fits(names, kind, count))
        {
            return names;
        }

        if (names.Count == count - 1 && !names.Contains("background"))
        {
            Guess("classes.names", $"{names.Count} names for {count} classes: the first class was named background");
            return ["background", .. names];
        }

        return null;
    }

    private void Note(string key, string text) => notes.Add(new DraftNote(DraftNoteKind.Taken, key, text));

    private void Check(string key, string text) => notes.Add(new DraftNote(DraftNoteKind.Check, key, text));

    private void Guess(string key, string text) => notes.Add(new DraftNote(DraftNoteKind.Assumed, key, text));

    [GeneratedRegex("^( *)\"([A-Za-z0-9_.-]+)\": ")]
    private static partial Regex Key();
}
