using System.Globalization;
using System.Text.Json.Nodes;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Hints from the metadata properties of a graph: those of Ultralytics, of Deepness and GeoDeep, and of Geti
/// (ModelAPI).</summary>
internal static class MetadataHints
{
    private const string Name = "metadata";
    private const string ModelInfo = "model_info ";
    private const int LongestValue = 1 << 20;
    private static readonly string[] DeepnessKeys =
        ["class_names", "resolution", "tiles_size", "tiles_overlap", "standardization_mean", "seg_thresh"];

    private static readonly float[] Zero = [0];
    private static readonly float[] One = [1];

    public static void Read(IReadOnlyDictionary<string, string> metadata, ExporterHints hints)
    {
        JsonObject values = [];
        JsonObject modelInfo = [];
        foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (key == ManifestReader.MetadataKey)
            {
                continue;
            }

            if (value.Length > LongestValue)
            {
                hints.Note($"{Name}: {key} has {value.Length:N0} characters and is ignored.");
            }
            else if (key.StartsWith(ModelInfo, StringComparison.Ordinal))
            {
                modelInfo[key[ModelInfo.Length..]] = value;
            }
            else
            {
                values[key] = HintDocument.ParseValue(value);
            }
        }

        HintDocument document = new(Name, values, hints);
        if (document.Has("imgsz") && document.Has("task"))
        {
            ReadUltralytics(document, hints);
        }
        else if (document.Has("model_type") && DeepnessKeys.Any(document.Has))
        {
            ReadDeepness(document, hints);
        }
        else
        {
            ReadNames(document, hints);
        }

        if (modelInfo.Count > 0)
        {
            ReadModelApi(new HintDocument($"{Name}: model_info", modelInfo, hints), hints);
        }
    }

    private static void ReadNames(HintDocument document, ExporterHints hints)
    {
        foreach (string key in (string[])["class_names", "names", "classes", "labels"])
        {
            if (document.Has(key) && document.Names(key) is { } names)
            {
                hints.OfferNames(names, document.Source(key));
            }
        }
    }

    // Ultralytics: RGB in 0 to 1, resized into the size of the graph and padded around the middle with grey.
    private static void ReadUltralytics(HintDocument document, ExporterHints hints)
    {
        ReadNames(document, hints);
        hints.OfferTask(document.Text("task") ?? "", document.Source("task"));
        string convention = $"{document.Source("task", "imgsz")} (Ultralytics)";
        hints.OfferColor(ChannelOrder.Rgb, convention);
        hints.OfferNormalization(1.0 / 255, Zero, One, convention);
        hints.OfferPad(new PadHint(PadPosition.Center, 114), convention);
        if (document.Whole("channels") is { } channels)
        {
            hints.OfferChannels(channels, document.Source("channels"));
        }

        if (document.Sides("imgsz") is [int height, int width])
        {
            int side = Math.Min(height, width);
            hints.OfferResize(new ResizeHint(ResizeMode.LongSide, [side], ResizeFilter.Bilinear, Antialias: false), convention);
            if (height != width)
            {
                hints.Note(
                    $"{convention}: images were fitted into {height}×{width}. The server fits them into a square of "
                    + $"{side} there; export with equal sides for equal masks.");
            }
        }

        if (document.Whole("stride") is { } stride)
        {
            hints.OfferSize(new SizeHint(null, stride, 0, stride), document.Source("stride"));
        }
    }

    // Deepness and GeoDeep: RGB in 0 to 1, then the standardisation; tiles at a resolution on the ground.
    private static void ReadDeepness(HintDocument document, ExporterHints hints)
    {
        ReadNames(document, hints);
        hints.OfferTask(document.Text("model_type") ?? "", document.Source("model_type"));
        string convention = $"{document.Source("model_type")} (Deepness)";
        IReadOnlyList<float>? mean = document.Numbers("standardization_mean");
        IReadOnlyList<float>? std = document.Numbers("standardization_std");
        if (mean is null && std is null && !document.Has("standardization_mean") && !document.Has("standardization_std"))
        {
            hints.OfferNormalization(1.0 / 255, Zero, One, convention);
        }
        else if (mean is not null && std is not null)
        {
            string source = document.Source("standardization_mean", "standardization_std");
            hints.OfferNormalization(1.0 / 255, mean, std, source);
        }

        hints.OfferColor(ChannelOrder.Rgb, convention);
        foreach (string key in (string[])["tiles_size", "tile_size"])
        {
            if (document.Whole(key) is { } side)
            {
                hints.OfferTileSize(side, document.Source(key));
            }
        }

        if (document.Number("tiles_overlap") is { } percent)
        {
            hints.OfferTileOverlap(percent / 100, document.Source("tiles_overlap"));
        }

        if (document.Number("resolution") is { } centimetres)
        {
            hints.OfferResolution(centimetres / 100, document.Source("resolution"));
        }

        if (document.Number("seg_thresh") is { } threshold)
        {
            hints.OfferThreshold(threshold, document.Source("seg_thresh"));
        }

        if (document.Number("seg_small_segment") is > 0)
        {
            hints.Note($"{document.Source("seg_small_segment")}: small segments are not removed by the server.");
        }
    }

    private static void ReadModelApi(HintDocument info, ExporterHints hints)
    {
        if (info.Text("model_type") is { Length: > 0 } task)
        {
            hints.OfferTask(task, info.Source("model_type"));
        }

        // The names stand in one text, with '_' for a space; an empty label set has a stand-in.
        string[] labels = [.. Words(info.Text("labels")).Where(label => label != "otx_empty_lbl").Select(label => label.Replace('_', ' '))];
        if (labels.Length > 0)
        {
            hints.OfferNames(labels, info.Source("labels"));
            hints.Note(
                $"{info.Source("labels")}: ModelAPI leaves out the background. Where the output has one channel more "
                + "than there are labels, channel 0 is the background.");
        }

        ReadModelApiInput(info, hints);
    }

    private static void ReadModelApiInput(HintDocument info, ExporterHints hints)
    {
        if (info.Flag("embedded_processing") is true)
        {
            hints.OfferNormalization(1, Zero, One, info.Source("embedded_processing"));
            hints.Note($"{info.Source("embedded_processing")}: resize and normalisation are inside the graph.");
            return;
        }

        if (info.Has("mean_values") || info.Has("scale_values"))
        {
            IReadOnlyList<float>? mean = Numbers(info, "mean_values", hints) ?? Zero;
            IReadOnlyList<float>? std = Numbers(info, "scale_values", hints) ?? One;
            hints.OfferNormalization(1, mean, std, info.Source("mean_values", "scale_values"));
        }

        if (info.Flag("reverse_input_channels") is { } reversed)
        {
            if (reversed)
            {
                hints.OfferColor(ChannelOrder.Rgb, info.Source("reverse_input_channels"));
            }

            hints.Note(
                $"{info.Source("reverse_input_channels")} is {reversed}: true means RGB to programs that read images "
                + "with OpenCV (BGR), and BGR to programs that read RGB. Check preprocess.color on labelled images.");
        }

        double pad = Number(info.Text("pad_value") ?? "") ?? 0;
        switch (info.Text("resize_type"))
        {
            case "standard":
                hints.OfferResize(Resize(ResizeMode.Exact, info, hints), info.Source("resize_type"));
                break;
            case "fit_to_window":
                hints.OfferResize(Resize(ResizeMode.LongSide, info, hints), info.Source("resize_type"));
                hints.OfferPad(new PadHint(PadPosition.BottomRight, pad), info.Source("resize_type", "pad_value"));
                break;
            case "fit_to_window_letterbox":
                hints.OfferResize(Resize(ResizeMode.LongSide, info, hints), info.Source("resize_type"));
                hints.OfferPad(new PadHint(PadPosition.Center, pad), info.Source("resize_type", "pad_value"));
                break;
            case { } other:
                hints.Note($"{info.Source("resize_type")}: '{other}' cannot be served; choose preprocess.resize yourself.");
                break;
        }

        if (info.Text("intensity_mode") is { } mode)
        {
            hints.Note($"{info.Source("intensity_mode")}: '{mode}' rescales values of more than 8 bits, which the server does not do.");
        }
    }

    private static ResizeHint Resize(ResizeMode mode, HintDocument info, ExporterHints hints)
    {
        ResizeFilter? filter = (info.Text("interpolation_type") ?? "LINEAR").ToUpperInvariant() switch
        {
            "LINEAR" => ResizeFilter.Bilinear,
            "CUBIC" => ResizeFilter.Bicubic,
            "NEAREST" => ResizeFilter.Nearest,
            _ => null,
        };
        if (filter is null)
        {
            hints.Note($"{info.Source("interpolation_type")}: '{info.Text("interpolation_type")}' is no filter of the server.");
        }

        return new ResizeHint(mode, Size: null, filter, Antialias: false);
    }

    private static float[]? Numbers(HintDocument info, string key, ExporterHints hints)
    {
        double?[] numbers = [.. Words(info.Text(key)).Select(Number)];
        if (numbers.Any(n => n is null))
        {
            hints.Note($"{info.Source(key)}: expected numbers, got '{info.Text(key)}'; the value is ignored.");
            return null;
        }

        if (numbers.Length == 0)
        {
            return null;
        }

        return [.. numbers.Select(n => (float)n!.Value)];
    }

    private static double? Number(string text)
    {
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number))
        {
            return number;
        }

        return null;
    }

    private static string[] Words(string? text) => (text ?? "").Split(
        (char[])[' ', ',', '[', ']', '(', ')'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
