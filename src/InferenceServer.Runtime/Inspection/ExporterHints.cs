using System.Globalization;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>What an exporter left about a model: in the metadata of its graph, and in files beside the graph.</summary>
/// <remarks>Every value is optional and names its source. Where two sources disagree, the one that is nearer to the
/// graph wins, and a note says so. A damaged file is a note, never an exception.</remarks>
internal sealed class ExporterHints
{
    private const int LargestSide = 16384;
    private const int MostChannels = 64;
    private const double LargestNormalized = 512; // what the manifest's own check allows
    private readonly List<string> _notes = [];

    /// <summary>Name of each class, by index.</summary>
    public Hint<IReadOnlyList<string>>? Names { get; private set; }

    /// <summary>Colour of each class, #rrggbb.</summary>
    public Hint<IReadOnlyList<string>>? Palette { get; private set; }

    /// <summary>What the model was made for.</summary>
    public Hint<ModelTask>? Task { get; private set; }

    /// <summary>Channel order of the network.</summary>
    public Hint<ChannelOrder>? ColorOrder { get; private set; }

    /// <summary>Number of channels of the input.</summary>
    public Hint<int>? Channels { get; private set; }

    /// <summary>Scale, mean and standard deviation; one hint, because the three belong together.</summary>
    public Hint<NormalizationHint>? Normalization { get; private set; }

    /// <summary>How images were resized.</summary>
    public Hint<ResizeHint>? Resize { get; private set; }

    /// <summary>The legal heights and widths.</summary>
    public Hint<SizeHint>? Size { get; private set; }

    /// <summary>How images were padded.</summary>
    public Hint<PadHint>? Pad { get; private set; }

    /// <summary>Axis order of the input, for instance NCHW.</summary>
    public Hint<string>? Layout { get; private set; }

    /// <summary>What the output holds.</summary>
    public Hint<OutputKind>? OutputKind { get; private set; }

    /// <summary>Probability above which a pixel belongs to a class.</summary>
    public Hint<double>? Threshold { get; private set; }

    /// <summary>Name of the output.</summary>
    public Hint<string>? OutputName { get; private set; }

    /// <summary>Side of the tiles that large images were cut into, in pixels.</summary>
    public Hint<int>? TileSize { get; private set; }

    /// <summary>Overlap of neighbouring tiles, as a share of their side.</summary>
    public Hint<double>? TileOverlap { get; private set; }

    /// <summary>Size of a pixel on the ground, in metres.</summary>
    public Hint<double>? Resolution { get; private set; }

    /// <summary>Pixels that the output lacks on each side.</summary>
    public Hint<int>? Border { get; private set; }

    /// <summary>Pixels on each side of the output that are less reliable and that tiles should overlap by.</summary>
    public Hint<int>? Halo { get; private set; }

    /// <summary>What was ignored, damaged, contradictory or cannot be served; one sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Reads the hints of the graph in <paramref name="onnxFile"/>.</summary>
    /// <param name="onnxFile">The ONNX file; files beside it and in the folder above it are read, too.</param>
    /// <param name="metadata">The metadata properties of the graph.</param>
    public static ExporterHints Read(string onnxFile, IReadOnlyDictionary<string, string> metadata)
    {
        ExporterHints hints = new();
        MetadataHints.Read(metadata, hints);
        SideFileHints.Read(onnxFile, hints);
        return hints;
    }

    public void Note(string note)
    {
        if (!_notes.Contains(note))
        {
            _notes.Add(note);
        }
    }

    public void OfferNames(IReadOnlyList<string> names, string source)
    {
        if (names.Count == 0 || names.Any(string.IsNullOrWhiteSpace))
        {
            Note($"{source}: expected a name for each class; the names are ignored.");
        }
        else if (names.Distinct(StringComparer.Ordinal).Count() != names.Count)
        {
            string twice = names.GroupBy(n => n, StringComparer.Ordinal).First(g => g.Count() > 1).Key;
            Note($"{source}: expected different names, but '{twice}' stands twice; the names are ignored.");
        }
        else
        {
            Names = First(Names, names, source, "the class names", NamesText);
        }
    }

    public void OfferPalette(IReadOnlyList<string> colors, string source) =>
        Palette = First(Palette, colors, source, "the colours", c => string.Join(' ', c));

    /// <summary>Takes the task, and notes a task that is no semantic segmentation.</summary>
    /// <param name="task">The task.</param>
    /// <param name="word">The source's own word for the task.</param>
    /// <param name="source">The origin.</param>
    public void OfferTask(ModelTask task, string word, string source)
    {
        if (task != ModelTask.SemanticSegmentation)
        {
            Note($"{source} says '{word}': {Consequence(task)}");
        }

        Task = First(Task, task, source, "the task", t => t.ToString());
    }

    /// <summary>Takes the task that a source names with its own word.</summary>
    public void OfferTask(string word, string source)
    {
        ModelTask task = word.ToUpperInvariant() switch
        {
            "SEMANTIC" or "SEMANTIC-SEGMENTATION" or "IMAGE-SEGMENTATION" or "SEGMENTATION" or "SEGMENTOR"
                or "SALIENT_OBJECT_DETECTION" => ModelTask.SemanticSegmentation,
            "SEGMENT" or "INSTANCE-SEGMENTATION" or "INSTANCE_SEGMENTATION" or "PANOPTIC-SEGMENTATION"
                or "MASKRCNN" => ModelTask.InstanceSegmentation,
            "DEPTH" or "DEPTH-ESTIMATION" or "MONODEPTH" or "REGRESSION" or "REGRESSOR" => ModelTask.Regression,
            _ => ModelTask.Other,
        };
        OfferTask(task, word, source);
    }

    public void OfferColor(ChannelOrder order, string source) =>
        ColorOrder = First(ColorOrder, order, source, "the channel order", o => o.ToString().ToUpperInvariant());

    public void OfferChannels(int channels, string source)
    {
        if (Within(channels, 1, MostChannels, source))
        {
            Channels = First(Channels, channels, source, "the number of channels", Number);
        }
    }

    /// <summary>Takes a normalisation (x·scale − mean) / std of 8-bit values; one mean or deviation stands for all
    /// channels.</summary>
    public void OfferNormalization(double scale, IReadOnlyList<float> mean, IReadOnlyList<float> std, string source)
    {
        int channels = Math.Max(mean.Count, std.Count);
        bool fits = channels is >= 1 and <= MostChannels
            && (mean.Count == 1 || mean.Count == channels) && (std.Count == 1 || std.Count == channels);
        if (!fits || !(scale > 0) || !double.IsFinite(scale) || std.Any(s => !(s > 0)))
        {
            Note(
                $"{source}: expected a positive scale, and for each channel one mean and one positive deviation; "
                + "the normalisation is ignored.");
            return;
        }

        NormalizationHint hint = new((float)scale, Widened(mean, channels), Widened(std, channels));
        double largest = hint.Extremes().Max(Math.Abs);
        if (largest > LargestNormalized)
        {
            Note(
                $"{source}: {NormalizationText(hint)} gives normalised pixels of up to {Number(largest)}, which is not "
                + "plausible for 8-bit images; the normalisation is ignored.");
            return;
        }

        if (hint.Mean.Any(m => m / hint.Scale > 255))
        {
            Note($"{source}: the means lie above 255. The model was made for values of more than 8 bits.");
        }

        Normalization = First(
            Normalization, hint, source, "the normalisation", NormalizationText,
            h => string.Join(' ', h.Extremes().Select(x => Number(Math.Round(x, 3)))));
    }

    public void OfferResize(ResizeHint resize, string source)
    {
        if (resize.Size?.All(side => Within(side, 1, LargestSide, source)) is not false)
        {
            Resize = First(Resize, resize, source, "the resize", ResizeText);
        }
    }

    public void OfferSize(SizeHint size, string source)
    {
        bool legal = size.Multiple is >= 1 and <= 1024
            && size.Offset >= 0 && size.Offset < Math.Max(size.Multiple, 2)
            && size.Min is null or (>= 1 and <= LargestSide)
            && size.Fixed?.All(side => side is >= 1 and <= LargestSide) is not false;
        if (legal)
        {
            Size = First(Size, size, source, "the legal sizes", SizeText);
        }
        else
        {
            Note($"{source}: {SizeText(size)} cannot be served; the sizes are ignored.");
        }
    }

    public void OfferPad(PadHint pad, string source)
    {
        if (pad.Value is null || Within(pad.Value.Value, 0, 255, source))
        {
            Pad = First(Pad, pad, source, "the padding", p => $"{p.Where} {p.Value?.ToString(CultureInfo.InvariantCulture) ?? "mean"}");
        }
    }

    public void OfferLayout(string layout, string source)
    {
        if (layout is "NCHW" or "NHWC" or "CHW" or "HWC")
        {
            Layout = First(Layout, layout, source, "the layout", l => l);
        }
        else if (layout.Contains('D', StringComparison.Ordinal))
        {
            Note($"{source}: the axes {layout} are those of volumes, which cannot be served; send slices to a 2-D model.");
        }
        else
        {
            Note($"{source}: the axes {layout} are not known; the layout is ignored.");
        }
    }

    public void OfferOutputKind(OutputKind kind, string source) =>
        OutputKind = First(OutputKind, kind, source, "the output", k => k.ToString());

    public void OfferThreshold(double threshold, string source)
    {
        if (Within(threshold, 0, 1, source))
        {
            Threshold = First(Threshold, threshold, source, "the threshold", Number);
        }
    }

    public void OfferOutputName(string name, string source) =>
        OutputName = First(OutputName, name, source, "the output's name", n => n);

    public void OfferTileSize(int side, string source)
    {
        if (Within(side, 1, LargestSide, source))
        {
            TileSize = First(TileSize, side, source, "the tile size", Number);
        }
    }

    public void OfferTileOverlap(double share, string source)
    {
        if (Within(share, 0, 0.95, source))
        {
            TileOverlap = First(TileOverlap, share, source, "the overlap of tiles", Number);
        }
    }

    public void OfferResolution(double metres, string source)
    {
        if (metres > 0)
        {
            Resolution = First(Resolution, metres, source, "the resolution", Number);
        }
    }

    public void OfferBorder(int pixels, string source)
    {
        if (Within(pixels, 0, LargestSide / 2, source))
        {
            Border = First(Border, pixels, source, "the border", Number);
        }
    }

    public void OfferHalo(int pixels, string source)
    {
        if (Within(pixels, 0, LargestSide / 2, source))
        {
            Halo = First(Halo, pixels, source, "the halo", Number);
        }
    }

    private static string Consequence(ModelTask task) => task switch
    {
        ModelTask.InstanceSegmentation => "an instance model finds objects one by one. Its output is no label map and cannot be served.",
        ModelTask.Regression => "the output is a quantity for each pixel, not a class. Only classes can be served.",
        _ => "the model gives no mask and cannot be served.",
    };

    private static IReadOnlyList<float> Widened(IReadOnlyList<float> values, int count)
    {
        if (values.Count == count)
        {
            return values;
        }

        return [.. Enumerable.Repeat(values[0], count)];
    }

    private static string Number<T>(T value)
        where T : IFormattable => value.ToString("G6", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string NamesText(IReadOnlyList<string> names) => $"{names.Count} names from '{names[0]}' to '{names[^1]}'";

    private static string NormalizationText(NormalizationHint hint) =>
        $"scale {Number(hint.Scale)}, mean [{string.Join(", ", hint.Mean.Select(Number))}], " +
        $"std [{string.Join(", ", hint.Std.Select(Number))}]";

    private static string ResizeText(ResizeHint resize)
    {
        string text = string.Join(' ', resize.Mode, string.Join('×', resize.Size ?? []), resize.Filter);
        return resize.Antialias switch
        {
            true => $"{text} with antialiasing",
            false => $"{text} without antialiasing",
            null => text,
        };
    }

    private static string SizeText(SizeHint size)
    {
        if (size.Fixed is { } only)
        {
            return string.Join('×', only);
        }

        return $"multiples of {size.Multiple} plus {size.Offset}, from {size.Min ?? 1} on";
    }

    private bool Within(double value, double least, double most, string source)
    {
        if (value >= least && value <= most)
        {
            return true;
        }

        Note($"{source}: expected {Number(least)} to {Number(most)}, got {Number(value)}; the value is ignored.");
        return false;
    }

    private Hint<T> First<T>(
        Hint<T>? current, T value, string source, string what, Func<T, string> text, Func<T, string>? key = null)
    {
        if (current is null)
        {
            return new Hint<T>(value, source);
        }

        key ??= text;
        if (key(current.Value) != key(value))
        {
            Note(
                $"{source} disagrees with {current.Source} about {what}: {text(value)} against {text(current.Value)}. "
                + $"{current.Source} is nearer to the graph and was taken.");
        }

        return current;
    }
}

/// <summary>A value and its source, for instance <c>preprocessor_config.json: image_mean</c>.</summary>
internal sealed record Hint<T>(T Value, string Source);

/// <summary>What a model was made for.</summary>
internal enum ModelTask
{
    /// <summary>A class for each pixel.</summary>
    SemanticSegmentation,

    /// <summary>A mask for each object.</summary>
    InstanceSegmentation,

    /// <summary>A quantity for each pixel, for instance depth.</summary>
    Regression,

    /// <summary>Something else: boxes, poses, one class for an image.</summary>
    Other,
}

/// <summary>The input is (x·scale − mean) / std with x in 0 to 255.</summary>
internal sealed record NormalizationHint(float Scale, IReadOnlyList<float> Mean, IReadOnlyList<float> Std)
{
    /// <summary>What black and white become, channel by channel: equal for equal normalisations in any unit.</summary>
    public IEnumerable<double> Extremes() => Mean.Zip(
        Std, (mean, std) => (double[])[-mean / (double)std, ((255 * (double)Scale) - mean) / std]).SelectMany(x => x);
}

/// <summary>How images were resized.</summary>
/// <param name="Mode">The rule.</param>
/// <param name="Size">One side, or height and width; null where the source leaves the size to the graph.</param>
/// <param name="Filter">The interpolation; null where the source does not say.</param>
/// <param name="Antialias">Whether the kernel widens as an image shrinks; null where the source does not say.</param>
internal sealed record ResizeHint(ResizeMode Mode, IReadOnlyList<int>? Size, ResizeFilter? Filter, bool? Antialias);

/// <summary>Legal sides: one fixed height and width, or multiple·k + offset from a smallest side on.</summary>
internal sealed record SizeHint(IReadOnlyList<int>? Fixed, int Multiple = 1, int Offset = 0, int? Min = null);

/// <summary>How images were padded.</summary>
/// <param name="Where">The padded sides.</param>
/// <param name="Value">The value in 0 to 255, before normalisation; null for the mean.</param>
internal sealed record PadHint(PadPosition Where, double? Value);
