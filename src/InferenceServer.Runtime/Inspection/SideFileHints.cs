using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Hints from files beside a graph or in the folder above it: geoai's sidecar, Hugging Face's configurations,
/// bioimage.io's description, PaddleSeg's deployment file, and an item of STAC's machine learning extension.</summary>
internal sealed class SideFileHints
{
    private const int MostBytes = 1 << 20;
    private const int MostItems = 32;
    private static readonly string[] Processors = ["preprocessor_config.json", "processor_config.json"];
    private static readonly string[] ProcessorKeys =
        ["image_processor_type", "feature_extractor_type", "do_normalize", "do_resize", "image_mean"];

    private static readonly string[] BioimageFiles = ["rdf.yaml", "bioimageio.yaml"];
    private static readonly string[] PaddleFiles = ["deploy.yaml", "deploy.yml", "inference.yml", "inference.yaml"];
    private static readonly float[] Zero = [0];
    private static readonly float[] One = [1];
    private readonly ExporterHints _hints;
    private readonly string _graph;
    private readonly (string Path, string Shown)[] _folders;

    private SideFileHints(string onnxFile, ExporterHints hints)
    {
        string full = Path.GetFullPath(onnxFile);
        string folder = Path.GetDirectoryName(full)!;
        _graph = Path.GetFileName(full);
        _hints = hints;
        _folders = [(folder, ""), (Path.Combine(folder, ".."), "../")];
    }

    public static void Read(string onnxFile, ExporterHints hints)
    {
        SideFileHints files = new(onnxFile, hints);
        files.ReadGeoai();
        files.ReadProcessor();
        files.ReadConfig();
        files.ReadPaddle();
        if (files.Open(BioimageFiles) is { } bioimage)
        {
            DescriptionHints.ReadBioimage(bioimage, hints);
        }

        if (files.FindItem() is { } item)
        {
            DescriptionHints.ReadStac(item, hints);
        }
    }

    private void ReadGeoai()
    {
        if (Open($"{_graph}.json") is not { } file)
        {
            return;
        }

        ReadLabels(file, "id2label");
        if (file.Text("task") is { } task)
        {
            _hints.OfferTask(task, file.Source("task"));
        }

        if (file.Whole("input_channels") is { } channels)
        {
            _hints.OfferChannels(channels, file.Source("input_channels"));
        }

        if (file.Whole("input_height") is { } height && file.Whole("input_width") is { } width)
        {
            _hints.OfferResize(new ResizeHint(ResizeMode.Exact, [height, width], null, null), file.Source("input_height", "input_width"));
        }

        if (file.Has("output_names") && file.Names("output_names") is { Count: > 0 } outputs)
        {
            _hints.OfferOutputName(outputs[0], file.Source("output_names"));
        }
    }

    private void ReadConfig()
    {
        if (Open("config.json") is not { } file)
        {
            return;
        }

        bool known = file.Has("id2label") | file.Has("architectures");
        if (!known)
        {
            _hints.Note($"{file.Source("id2label, architectures")} are missing; the file is ignored.");
            return;
        }

        ReadLabels(file, "id2label");
        string architecture = string.Join(' ', file.Items("architectures").Select(a => a.Value));
        string source = file.Source("architectures");
        if (architecture.Contains("ForSemanticSegmentation", StringComparison.Ordinal))
        {
            _hints.OfferTask(ModelTask.SemanticSegmentation, architecture, source);
            _hints.OfferOutputKind(OutputKind.Logits, source);
        }
        else if (IsQueries(architecture))
        {
            // MaskFormer and its successors: one set of weights for panoptic, instance and semantic segmentation.
            _hints.OfferOutputKind(OutputKind.Queries, source);
        }
        else if (architecture.Contains("ForDepthEstimation", StringComparison.Ordinal))
        {
            _hints.OfferTask(ModelTask.Regression, architecture, source);
        }
        else if (architecture.Length > 0)
        {
            _hints.OfferTask(ModelTask.Other, architecture, source);
        }
    }

    private static bool IsQueries(string architecture) =>
        architecture.Contains("ForUniversalSegmentation", StringComparison.Ordinal)
        || architecture.Contains("ForInstanceSegmentation", StringComparison.Ordinal);

    private void ReadProcessor()
    {
        if (Open(Processors) is not { } file)
        {
            return;
        }

        file = file.Section("image_processor") ?? file;
        if (!ProcessorKeys.Any(file.Has))
        {
            _hints.Note($"{file.Source("do_normalize, do_resize")} are missing; the file is ignored.");
            return;
        }

        if (file.Flag("do_flip_channel_order") is true)
        {
            _hints.OfferColor(ChannelOrder.Bgr, file.Source("do_flip_channel_order"));
        }
        else
        {
            _hints.OfferColor(ChannelOrder.Rgb, $"{file.Source("image_processor_type")} (Hugging Face)");
        }

        ReadProcessorNormalization(file);
        ReadProcessorSize(file);
        if (file.Flag("do_center_crop") is true)
        {
            _hints.Note($"{file.Source("do_center_crop")}: the server does not crop images; it segments all of them.");
        }

        if (file.Flag("do_reduce_labels") is true || file.Flag("reduce_labels") is true)
        {
            _hints.Note($"{file.Source("do_reduce_labels")} concerns the labels of training only; class 0 is the first name.");
        }
    }

    private void ReadProcessorNormalization(HintDocument file)
    {
        double scale = 1;
        if (file.Flag("do_rescale") is not false)
        {
            scale = file.Number("rescale_factor") ?? (1.0 / 255);
        }

        string source = file.Source("do_rescale", "rescale_factor", "image_mean", "image_std");
        if (file.Flag("do_normalize") is false)
        {
            _hints.OfferNormalization(scale, Zero, One, source);
        }
        else if (file.Numbers("image_mean") is { } mean && file.Numbers("image_std") is { } std)
        {
            _hints.OfferNormalization(scale, mean, std, source);
        }
        else
        {
            _hints.Note($"{file.Source("image_mean", "image_std")} are missing or wrong; the default depends on the processor's class.");
        }
    }

    private void ReadProcessorSize(HintDocument file)
    {
        if (file.Whole("size_divisor") is > 0 and { } divisor)
        {
            _hints.OfferSize(new SizeHint(null, divisor), file.Source("size_divisor"));
            _hints.OfferPad(new PadHint(PadPosition.BottomRight, null), file.Source("size_divisor"));
        }

        if (file.Whole("ensure_multiple_of") is > 1 and { } multiple)
        {
            _hints.OfferSize(new SizeHint(null, multiple), file.Source("ensure_multiple_of"));
            _hints.Note($"{file.Source("ensure_multiple_of")}: the processor resizes to multiples, the server pads.");
        }

        if (file.Flag("do_resize") is false)
        {
            _hints.OfferResize(new ResizeHint(ResizeMode.None, null, null, null), file.Source("do_resize"));
            return;
        }

        (ResizeMode Mode, IReadOnlyList<int> Size)? rule = ResizeRule(file);
        if (rule is not { } found)
        {
            if (file.Has("size"))
            {
                _hints.Note($"{file.Source("size")}: the form is not known; choose preprocess.resize yourself.");
            }

            return;
        }

        _hints.OfferResize(
            new ResizeHint(found.Mode, found.Size, Filter(file), Antialias: true), file.Source("size", "resample"));
    }

    private (ResizeMode Mode, IReadOnlyList<int> Size)? ResizeRule(HintDocument file)
    {
        if (file.Section("size") is { } size)
        {
            if (size.Whole("height") is { } height && size.Whole("width") is { } width)
            {
                return (ResizeMode.Exact, [height, width]);
            }

            if (size.Whole("shortest_edge") is { } shortest)
            {
                if (size.Whole("longest_edge") is { } limit)
                {
                    _hints.Note($"{size.Source("longest_edge")}: the server does not limit the long side to {limit}.");
                }

                return (ResizeMode.ShortSide, [shortest]);
            }

            if (size.Whole("longest_edge") is { } longest)
            {
                return (ResizeMode.LongSide, [longest]);
            }

            return null;
        }

        // Old files have one number: the short side where there is a limit of the long side, else both sides.
        if (file.Has("max_size") && file.Whole("size") is { } side)
        {
            _hints.Note($"{file.Source("max_size")}: the server does not limit the long side.");
            return (ResizeMode.ShortSide, [side]);
        }

        if (file.Items("size") is { Count: 2 })
        {
            // Old files write height and width in either order.
            if (file.Sides("size") is [int first, int second] && first == second)
            {
                return (ResizeMode.Exact, [first, second]);
            }

            return null;
        }

        if (file.Has("size") && file.Whole("size") is { } both)
        {
            return (ResizeMode.Exact, [both, both]);
        }

        return null;
    }

    // Pillow's numbers.
    private ResizeFilter? Filter(HintDocument file)
    {
        switch (file.Whole("resample"))
        {
            case null:
                return null;
            case 0:
                return ResizeFilter.Nearest;
            case 2:
                return ResizeFilter.Bilinear;
            case 3:
                return ResizeFilter.Bicubic;
            case { } other:
                _hints.Note(
                    $"{file.Source("resample")}: Pillow's filter {other} (1 Lanczos, 4 box, 5 Hamming) cannot be "
                    + "served; bicubic is nearest to Lanczos, bilinear to the others.");
                return null;
        }
    }

    private void ReadPaddle()
    {
        if (Open(PaddleFiles) is not { } file)
        {
            return;
        }

        if (file.Section("Deploy") is not { } deploy)
        {
            _hints.Note($"{file.Source("Deploy")} is missing; the file is ignored.");
            return;
        }

        switch (deploy.Text("output_op"))
        {
            case "argmax":
                _hints.OfferOutputKind(OutputKind.Labels, deploy.Source("output_op"));
                break;
            case "softmax":
                _hints.OfferOutputKind(OutputKind.Probabilities, deploy.Source("output_op"));
                break;
            case "none":
                _hints.OfferOutputKind(OutputKind.Logits, deploy.Source("output_op"));
                break;
        }

        if (deploy.Items("transforms") is not { Count: > 0 } transforms)
        {
            return;
        }

        string list = deploy.Source("transforms");
        _hints.OfferColor(ChannelOrder.Rgb, $"{list} (PaddleSeg)");
        bool normalized = false;
        foreach (HintDocument transform in transforms)
        {
            string type = transform.Text("type") ?? "";
            string source = $"{list} {type}";
            normalized |= type == "Normalize";
            ReadPaddleTransform(transform, type, source);
        }

        if (!normalized)
        {
            _hints.OfferNormalization(1, Zero, One, $"{list} without Normalize");
        }
    }

    private void ReadPaddleTransform(HintDocument transform, string type, string source)
    {
        switch (type)
        {
            case "Normalize":
                float[] half = [0.5f];
                _hints.OfferNormalization(1.0 / 255, transform.Numbers("mean") ?? half, transform.Numbers("std") ?? half, source);
                break;
            case "Resize" when transform.Flag("keep_ratio") is not true:
                // PaddleSeg writes width and height.
                if (transform.Sides("target_size") is not [int width, int height])
                {
                    (width, height) = (512, 512); // PaddleSeg's default
                }

                ResizeFilter? filter = (transform.Text("interp") ?? "LINEAR") switch
                {
                    "LINEAR" => ResizeFilter.Bilinear,
                    "CUBIC" => ResizeFilter.Bicubic,
                    "NEAREST" => ResizeFilter.Nearest,
                    _ => null,
                };
                if (filter is null)
                {
                    _hints.Note($"{source}: the filter '{transform.Text("interp")}' is no filter of the server.");
                }

                _hints.OfferResize(new ResizeHint(ResizeMode.Exact, [height, width], filter, Antialias: false), source);
                break;
            case "ResizeByLong" when transform.Whole("long_size") is { } side:
                _hints.OfferResize(new ResizeHint(ResizeMode.LongSide, [side], ResizeFilter.Bilinear, Antialias: false), source);
                break;
            case "ResizeByShort" when transform.Whole("short_size") is { } side:
                _hints.OfferResize(new ResizeHint(ResizeMode.ShortSide, [side], ResizeFilter.Bilinear, Antialias: false), source);
                break;
            default:
                _hints.Note($"{source}: this transform is not known or cannot be served; choose preprocess yourself.");
                break;
        }
    }

    private void ReadLabels(HintDocument file, string key)
    {
        if (file.Has(key) && file.Names(key) is { } names)
        {
            if (names[0] == "LABEL_0")
            {
                _hints.Note($"{file.Source(key)}: the names are stand-ins (LABEL_0 …) and are ignored.");
            }
            else
            {
                _hints.OfferNames(names, file.Source(key));
            }
        }
    }

    private HintDocument? Open(params ReadOnlySpan<string> names)
    {
        foreach ((string folder, string shown) in _folders)
        {
            foreach (string name in names)
            {
                if (ReadText(Path.Combine(folder, name), shown + name) is { } text)
                {
                    return HintDocument.Parse(shown + name, text, _hints);
                }
            }
        }

        return null;
    }

    private HintDocument? FindItem()
    {
        foreach ((string folder, string shown) in _folders)
        {
            (string Name, string Text)[] items = [.. Items(folder, shown)];
            if (items.Length > 1)
            {
                items = [.. items.Where(item => item.Text.Contains(_graph, StringComparison.Ordinal))];
                if (items.Length != 1)
                {
                    _hints.Note($"{shown}*.json: several STAC items, and not one of them alone names {_graph}; all are ignored.");
                    return null;
                }
            }

            if (items.Length == 1)
            {
                return HintDocument.Parse(items[0].Name, items[0].Text, _hints);
            }
        }

        return null;
    }

    private IEnumerable<(string Name, string Text)> Items(string folder, string shown)
    {
        string[] files = [];
        try
        {
            files = [.. Directory.EnumerateFiles(folder, "*.json").Take(MostItems)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _hints.Note($"{shown}*.json cannot be listed: {e.Message}");
        }

        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(file);
            if (new FileInfo(file).Length <= MostBytes
                && ReadText(file, shown + name) is { } text && text.Contains("\"mlm:", StringComparison.Ordinal))
            {
                yield return (shown + name, text);
            }
        }
    }

    private string? ReadText(string file, string shown)
    {
        try
        {
            FileInfo info = new(file);
            if (!info.Exists)
            {
                return null;
            }

            if (info.Length > MostBytes)
            {
                _hints.Note($"{shown} has {info.Length:N0} bytes, more than {MostBytes:N0}, and is ignored.");
                return null;
            }

            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _hints.Note($"{shown} cannot be read: {e.Message}");
            return null;
        }
    }
}
