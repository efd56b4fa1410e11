using System.Globalization;
using System.Numerics;
using DenseCrf;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime.Parameters;

/// <summary>The table of request parameters. The query parser, <c>/v2</c>, OpenAPI and the command line read it;
/// tests compare the playground and the docs with it.</summary>
internal static class RequestParameters
{
    /// <summary>All parameters, in the order in which help and documentation list them.</summary>
    public static IReadOnlyList<RequestParameter> All { get; } =
    [
        Word("format", ParameterGroup.Format, "The output format.", "png",
            [.. MaskFormat.All.Select(f => (f.Name, f))], (s, format) => s with { Format = format }),
        Number<float>(
            "alpha", ParameterGroup.Format, "Opacity of the class colours in an overlay.", 0, 1, "0.5",
            (s, alpha) => s with { Options = s.Options with { Alpha = alpha } }),
        Word(
            "bits", ParameterGroup.Format, "Bits of a sample in alpha and probability.", "8", [("8", 8), ("16", 16)],
            (s, bits) => s with { Options = s.Options with { Bits = bits } }),
        Text(
            "class", "Name or index of the class whose probability is the answer.", "0",
            (s, name) => s with { Options = s.Options with { Class = name } }),
        Text(
            "background", "Colour behind a cutout, #rrggbb or rrggbb; left out, the background is transparent.", "#ffffff",
            (s, color) => s with { Options = s.Options with { Background = Color(color) } }),
        Word("counts", ParameterGroup.Format, "Run lengths of coco-rle: COCO's compressed text, or numbers.", "compressed",
            [("compressed", false), ("uncompressed", true)],
            (s, uncompressed) => s with { Options = s.Options with { Uncompressed = uncompressed } }),
        Number<double>(
            "tolerance", ParameterGroup.Format,
            "Largest distance in pixels between the outlines of polygons, geojson or gpkg and the mask. 0 keeps the " +
            "outlines of the pixels.",
            0, 1000, "0",
            (s, tolerance) => s with { Options = s.Options with { Tolerance = tolerance } }),
        Text(
            "geotransform",
            "Six numbers in GDAL's order, separated by commas: the map coordinates of geojson, geotiff, cog and gpkg, in " +
            "place of those that the image's file has.",
            "440720,60,0,3751320,0,-60", WithGeotransform(Geotransform.FromGdal)),
        Text(
            "worldfile",
            "The six numbers of a world file, as geotransform; the last two are the centre of the upper left pixel.",
            "60,0,0,-60,440750,3751290", WithGeotransform(Geotransform.FromWorldFile)),
        Flag(
            "confidence", ParameterGroup.Format,
            "true adds a second band with the probability of each pixel's class × 255 to geotiff and cog.", "false",
            (s, confidence) => s with { Options = s.Options with { Confidence = confidence } }),
        Whole(
            "timeout", ParameterGroup.Admission,
            "Milliseconds from the request's arrival to the answer. Limited by Scheduling:MaxTimeout.",
            1, int.MaxValue, "milliseconds", "5000", (s, wait) => s with { Timeout = TimeSpan.FromMilliseconds(wait) }),
        Word("priority", ParameterGroup.Admission, "batch marks bulk work, which waits for interactive requests.", "interactive",
            [("interactive", Priority.Interactive), ("batch", Priority.Background)], (s, priority) => s with { Priority = priority }),
        new(
            "window", ParameterGroup.Passes, ParameterType.Text,
            "The part of the image to segment, in pixels: first column, first row, width, height. Of a TIFF only the tiles under it are " +
            "decoded, and the limits apply to it.")
        {
            Example = "2048,1024,512,512",
            Parse = (s, text) => WithWindow(
                s, text, numbers => numbers.All(n => n is >= 0 and <= int.MaxValue && n == Math.Floor(n))
                    ? ImageWindow.Pixels((int)numbers[0], (int)numbers[1], (int)numbers[2], (int)numbers[3])
                    : null) ?? throw new FormatException("first column, first row, width, height, separated by commas"),
        },
        new(
            "bbox", ParameterGroup.Passes, ParameterType.Text,
            "The part of the image to segment, as least x, least y, largest x, largest y in the coordinate reference system of the " +
            "image's file: every pixel that the area touches.")
        {
            Example = "440720,3750000,441720,3751000",
            Parse = (s, text) => WithWindow(s, text, numbers => ImageWindow.Area(numbers[0], numbers[1], numbers[2], numbers[3]))
                ?? throw new FormatException("least x, least y, largest x, largest y, separated by commas"),
        },
        Number<double>(
            "resolution", ParameterGroup.Passes,
            "Metres on the ground that a pixel of the image covers, in place of what its file says. For networks that want a resolution.",
            0, 1e6, null, (s, metres) => s with { Resolution = metres }) with
        {
            IsAboveMinimum = true,
            Example = "0.2",
        },
        new(
            "bands", ParameterGroup.Passes, ParameterType.Text,
            "Numbers of the image's bands that the network sees, from 1, separated by commas.")
        {
            Example = "4,3,2", Parse = (s, text) => s with { Bands = [.. text.Split(',').Select(ToBand)] },
        },
        new(
            "value_scaling", ParameterGroup.Passes, ParameterType.Text,
            "Steps from the bands' values to the network's, in the words of STAC: clip, min-max, z-score, scale, offset, percentile. " +
            "Or the manifest's list, in JSON. For models of RGB or gray, 0 becomes black and 1 white.")
        {
            Example = "min-max:0,10000",
            Parse = (s, text) =>
            {
                ValueScaling.Parse(text);
                return s with { ValueScaling = text };
            },
        },
        Word("mode", ParameterGroup.Passes, "whole runs the image in one piece, slide in overlapping tiles.", null,
            [("whole", InferenceMode.Whole), ("slide", InferenceMode.Slide)],
            (s, mode) => s with { Passes = s.Passes with { Mode = mode } }),
        Word(
            "resize", ParameterGroup.Passes,
            "model resizes the image as the manifest says; none gives it to the network at its own size.", "model",
            [("model", false), ("none", true)], (s, keepSize) => s with { Passes = s.Passes with { KeepSize = keepSize } }),
        new(
            "crop", ParameterGroup.Passes, ParameterType.Text,
            "Size of a tile: a side in pixels, or WIDTHxHEIGHT. Rounded up to the next size that the network takes.")
        {
            Example = "512",
            Parse = (s, text) =>
                PassText.TryCrop(text, out ImageSize crop)
                    ? s with { Passes = s.Passes with { Crop = crop } }
                    : throw new FormatException(PassText.CropForm),
        },
        Number<double>(
            "stride_rate", ParameterGroup.Passes, "Distance between tiles as a share of the crop.", 0, 1, null,
            (s, rate) => s with { Passes = s.Passes with { StrideRate = rate } }) with { IsAboveMinimum = true },
        new(
            "scales", ParameterGroup.Passes, ParameterType.Text,
            "Scales of the network's input, separated by commas. Each is a pass; all passes are fused.")
        {
            Example = "0.75,1,1.25",
            Parse = (s, text) =>
                PassText.TryScales(text, out IReadOnlyList<double>? scales)
                    ? s with { Passes = s.Passes with { Scales = scales } }
                    : throw new FormatException(PassText.ScalesForm),
        },
        Flag("flip", ParameterGroup.Passes, "true runs the mirrored image, too, and fuses both.", null,
            (s, flip) => s with { Passes = s.Passes with { Flip = flip } }),
        Word("fuse", ParameterGroup.Passes, "How several passes become one mask.", null,
            [
                ("mean_softmax", FuseMode.MeanSoftmax), ("sum_logits", FuseMode.SumLogits),
                ("max_logits", FuseMode.MaxLogits)
            ],
            (s, fuse) => s with { Passes = s.Passes with { Fuse = fuse } }),
        Word(
            "blend", ParameterGroup.Passes, "Weights of a tile's pixels where tiles overlap: all the same, or less toward the edge.",
            null,
            [("uniform", BlendMode.Uniform), ("hann", BlendMode.Hann), ("gaussian", BlendMode.Gaussian)],
            (s, blend) => s with { Passes = s.Passes with { Blend = blend } }),
        Whole(
            "halo", ParameterGroup.Passes,
            "Pixels of the network's input that are cut from each side of a tile's output where another tile covers them.",
            0, 8191, "pixels", "32", (s, halo) => s with { Passes = s.Passes with { Halo = halo } }),
        Word("refine", ParameterGroup.Refinement, "crf refines the mask with a fully connected CRF, none does not.", null,
            [("crf", true), ("none", false)], (s, refine) => s with { Refine = refine }),
        Crf<int>(
            "crf.iterations", ParameterType.Whole, "Mean-field iterations.",
            (s, iterations) => s with { Crf = s.Crf with { Iterations = iterations } }, s => s.Iterations),
        Crf<float>(
            "crf.gaussian.weight", ParameterType.Number, "Weight of the smoothness kernel; 0 leaves the kernel out.",
            (s, weight) => s with { Crf = s.Crf with { GaussianWeight = weight } }, s => s.Gaussian.Weight),
        Crf<float>(
            "crf.gaussian.xy", ParameterType.Number, "Standard deviation of the smoothness kernel, in pixels.",
            (s, xy) => s with { Crf = s.Crf with { GaussianXy = xy } }, s => s.Gaussian.Xy),
        Crf<float>(
            "crf.bilateral.weight", ParameterType.Number, "Weight of the appearance kernel; 0 leaves the kernel out.",
            (s, weight) => s with { Crf = s.Crf with { BilateralWeight = weight } }, s => s.Bilateral.Weight),
        Crf<float>(
            "crf.bilateral.xy", ParameterType.Number,
            "Position's standard deviation in the appearance kernel, in pixels.",
            (s, xy) => s with { Crf = s.Crf with { BilateralXy = xy } }, s => s.Bilateral.Xy),
        Crf<float>(
            "crf.bilateral.rgb", ParameterType.Number,
            "Colour's standard deviation in the appearance kernel, in 8-bit steps.",
            (s, rgb) => s with { Crf = s.Crf with { BilateralRgb = rgb } }, s => s.Bilateral.Rgb!.Value),
        Word("crf.quality", ParameterGroup.Refinement, "exact, or fast: an approximation.", "exact",
            [("exact", CrfQuality.Exact), ("fast", CrfQuality.Fast)], (s, quality) => s with { Crf = s.Crf with { Quality = quality } }),
    ];

    /// <summary>The parameters of a refinement of given scores: those that no network needs, and some of its own.</summary>
    public static IReadOnlyList<RequestParameter> OfRefinement { get; } =
    [
        .. All.Where(p => p.Name != "refine" && p.Group != ParameterGroup.Passes),
        new(
            "classes", ParameterGroup.Scores, ParameterType.Text,
            "Names and colours of the classes: a data set (voc, cityscapes, camvid, ade20k), or those of a model.")
        {
            Example = ClassSets.Voc.Id, Parse = (s, name) => s with { Given = s.Given with { Classes = name } },
        },
        Flag("energies", ParameterGroup.Scores, "true: the array has energies in nats (−ln p) instead of probabilities.", "false",
            (s, energies) => s with { Given = s.Given with { AreEnergies = energies } }),
        Number<float>(
            "label_confidence", ParameterGroup.Scores,
            "The probability that a label of a label map is right; the other classes share the rest.", 0, 1, "0.7",
            (s, confidence) => s with { Given = s.Given with { LabelConfidence = confidence } }),
    ];

    /// <summary>The parameter of a name; null where there is none.</summary>
    public static RequestParameter? Find(string name) => All.FirstOrDefault(parameter => parameter.Name == name);

    private static RequestParameter Word<T>(
        string name, ParameterGroup group, string description, string? usual,
        IReadOnlyList<(string Word, T Value)> choices, Func<SegmentSettings, T, SegmentSettings> apply)
    {
        string[] words = [.. choices.Select(choice => choice.Word)];
        return new RequestParameter(name, group, ParameterType.Word, description)
        {
            Words = words,
            Default = usual,
            Parse = (settings, text) => Array.IndexOf(words, text) is >= 0 and int index
                ? apply(settings, choices[index].Value)
                : throw new FormatException(string.Join(words.Length == 2 ? " or " : ", ", words)),
        };
    }

    private static RequestParameter Flag(
        string name, ParameterGroup group, string description, string? usual, Func<SegmentSettings, bool, SegmentSettings> apply) =>
        new(name, group, ParameterType.Flag, description)
        {
            Default = usual,
            Parse = (settings, text) => text is "true" or "false"
                ? apply(settings, text == "true")
                : throw new FormatException("true or false"),
        };

    private static RequestParameter Number<T>(
        string name, ParameterGroup group, string description, double least, double most, string? usual,
        Func<SegmentSettings, T, SegmentSettings> apply)
        where T : struct, INumber<T> => new(name, group, ParameterType.Number, description)
        {
            Minimum = least,
            Maximum = most,
            Default = usual,
            Parse = (settings, text) =>
                apply(
                    settings,
                    Parsed(
                        text, T.CreateChecked(least), T.CreateChecked(most), true,
                        string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"))),
        };

    private static RequestParameter Whole(
        string name, ParameterGroup group, string description, int least, int most, string unit, string example,
        Func<SegmentSettings, int, SegmentSettings> apply) => new(name, group, ParameterType.Whole, description)
        {
            Minimum = least,
            Maximum = most,
            Example = example,
            Parse = (settings, text) =>
                apply(settings, Parsed(text, least, most, false, $"{unit}, a whole number from {least} to {most}")),
        };

    // The runtime's configuration limits the parameters of the CRF, so that their range is not checked here.
    private static RequestParameter Crf<T>(
        string name, ParameterType type, string description, Func<SegmentSettings, T, SegmentSettings> apply,
        Func<CrfSettings, T> usual)
        where T : struct, INumber<T> => new(name, ParameterGroup.Refinement, type, description)
        {
            Minimum = 0,
            DefaultWithoutModel = usual(CrfSettings.Usual).ToString(format: null, CultureInfo.InvariantCulture),
            Parse = (settings, text) =>
                T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T value)
                    ? apply(settings, value)
                    : throw new FormatException("a number"),
        };

    private static RequestParameter Text(
        string name, string description, string example, Func<SegmentSettings, string, SegmentSettings> parse) =>
        new(name, ParameterGroup.Format, ParameterType.Text, description) { Example = example, Parse = parse };

    private static Func<SegmentSettings, string, SegmentSettings> WithGeotransform(
        Func<IReadOnlyList<double>, Geotransform?> read) =>
        (settings, text) =>
    {
        if (settings.Options.Geotransform is not null)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, "geotransform and worldfile say the same thing; send one of them.");
        }

        double[] numbers = [.. text.Split([',', ' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(ToNumber)];
        Geotransform transform = read(numbers)
            ?? throw new FormatException("six numbers that map the image to an area, separated by commas");
        return settings with { Options = settings.Options with { Geotransform = transform } };
    };

    private static SegmentSettings? WithWindow(SegmentSettings settings, string text, Func<double[], ImageWindow?> read)
    {
        if (settings.Window is not null)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, "window and bbox say the same thing; send one of them.");
        }

        double[] numbers = [.. text.Split(',').Select(ToNumber)];
        if (numbers.Length == 4 && read(numbers) is { } window)
        {
            return settings with { Window = window };
        }

        return null;
    }

    private static int ToBand(string text) => Parsed(text, 1, ushort.MaxValue, false, "numbers from 1, separated by commas");

    private static (byte Red, byte Green, byte Blue) Color(string text)
    {
        string digits = text.TrimStart('#');
        if (digits.Length == 6 && int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int rgb))
        {
            return ((byte)(rgb >> 16), (byte)(rgb >> 8), (byte)rgb);
        }

        throw new FormatException("a colour of six hexadecimal digits such as #ffffff (in a query %23ffffff)");
    }

    private static double ToNumber(string text)
    {
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
        {
            return value;
        }

        return double.NaN;
    }

    private static T Parsed<T>(string text, T least, T most, bool allowsFraction, string expected)
        where T : struct, INumber<T>
    {
        NumberStyles style = allowsFraction ? NumberStyles.Float : NumberStyles.None;
        bool isNumber = T.TryParse(text, style, CultureInfo.InvariantCulture, out T value);
        if (isNumber && value >= least && value <= most)
        {
            return value;
        }

        throw new FormatException(expected);
    }
}
