using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Hints from descriptions of models whose preprocessing is a list of steps: bioimage.io's, and an item of
/// STAC's machine learning extension.</summary>
internal static class DescriptionHints
{
    private static readonly float[] Zero = [0];
    private static readonly float[] One = [1];

    /// <summary>Reads a description of bioimage.io, of version 0.4 or 0.5.</summary>
    public static void ReadBioimage(HintDocument file, ExporterHints hints)
    {
        if (file.Items("inputs") is not [var input, ..])
        {
            hints.Note($"{file.Source("inputs")} is missing; the file is ignored.");
            return;
        }

        Axis[] axes = [.. Axes(input)];
        hints.OfferLayout(string.Concat(axes.Select(axis => axis.Letter)), input.Source("axes"));
        if (Find(axes, 'C')?.Size is { } channels)
        {
            hints.OfferChannels(channels, input.Source("axes"));
        }

        ReadSize(axes, input.Source("axes"), hints);
        ReadPreprocessing(input, hints);
        if (file.Items("outputs") is [var output, ..])
        {
            ReadOutput(output, hints);
        }
    }

    /// <summary>Reads an item of STAC's machine learning extension.</summary>
    public static void ReadStac(HintDocument file, ExporterHints hints)
    {
        HintDocument properties = file.Section("properties") ?? file;
        if (properties.Items("mlm:tasks") is [{ Value: { } task }, ..])
        {
            hints.OfferTask(task, properties.Source("mlm:tasks"));
        }

        if (properties.Items("mlm:input") is [var input, ..])
        {
            ReadStacInput(input, hints);
            ReadScaling(input, hints);
        }

        if (properties.Items("mlm:output") is [var output, ..])
        {
            ReadClasses(output, hints);
        }
    }

    // Version 0.4 writes the axes as letters, with their sizes beside them; version 0.5 writes a list of keys.
    private static IEnumerable<Axis> Axes(HintDocument tensor)
    {
        foreach (HintDocument entry in tensor.Items("axes"))
        {
            HintDocument? range = entry.Section("size");
            int names = entry.Items("channel_names").Count;
            int? size = null;
            if (names > 0)
            {
                size = names;
            }
            else if (range is null)
            {
                size = entry.Whole("size");
            }

            yield return new Axis(
                Letter(entry.Text("type"), entry.Text("id")), size, range?.Whole("min"), range?.Whole("step"),
                entry.Whole("halo"), -range?.Whole("offset") / 2);
        }

        if (tensor.Items("axes").Count > 0 || tensor.Text("axes") is not { } letters)
        {
            yield break;
        }

        HintDocument? shape = tensor.Section("shape");
        for (int i = 0; i < letters.Length; i++)
        {
            yield return new Axis(
                Letter(null, letters[i..(i + 1)]), At(tensor.Items("shape"), i), At(shape?.Items("min"), i),
                At(shape?.Items("step"), i), At(tensor.Items("halo"), i), -At(shape?.Items("offset"), i));
        }
    }

    private static Axis? Find(Axis[] axes, char letter) => axes.FirstOrDefault(axis => axis.Letter == letter);

    private static int? At(IReadOnlyList<HintDocument>? list, int index)
    {
        if (index < list?.Count && int.TryParse(list[index].Value, out int value))
        {
            return value;
        }

        return null;
    }

    private static char Letter(string? type, string? id) => (type, id) switch
    {
        ("batch", _) or (null, "b") => 'N',
        ("channel", _) or (null, "c") => 'C',
        (_, "y") => 'H',
        (_, "x") => 'W',
        (_, "z") => 'D',
        _ => '?',
    };

    private static void ReadSize(Axis[] axes, string source, ExporterHints hints)
    {
        (Axis? rows, Axis? columns) = (Find(axes, 'H'), Find(axes, 'W'));
        if (rows?.Size is { } height && columns?.Size is { } width)
        {
            hints.OfferSize(new SizeHint([height, width]), source);
        }
        else if (rows is { Min: { } low, Step: { } step } && columns is { Min: { } least, Step: { } other })
        {
            if (step == 0 && other == 0)
            {
                hints.OfferSize(new SizeHint([low, least]), source);
            }
            else if (step > 0 && step == other && (low - least) % step == 0)
            {
                hints.OfferSize(new SizeHint(null, step, low % step, Math.Max(low, least)), source);
            }
            else
            {
                hints.Note($"{source}: heights and widths follow different rules; choose preprocess.size yourself.");
            }
        }
    }

    private static void ReadPreprocessing(HintDocument input, ExporterHints hints)
    {
        string source = input.Source("preprocessing");
        LinearSteps steps = new();
        foreach (HintDocument operation in input.Items("preprocessing"))
        {
            string id = Operation(operation);
            HintDocument? values = operation.Section("kwargs");
            bool served = id switch
            {
                "ensure_dtype" => true,
                "scale_linear" => steps.Add(values?.Numbers("gain") ?? One, values?.Numbers("offset") ?? Zero),
                "fixed_zero_mean_unit_variance" => steps.Standardize(values?.Numbers("mean"), values?.Numbers("std")),
                "zero_mean_unit_variance" when values?.Text("mode") == "fixed" =>
                    steps.Standardize(values.Numbers("mean"), values.Numbers("std")),
                "clip" => values?.Number("min") is not > 0 && values?.Number("max") is not < 255,
                _ => false,
            };
            if (!served)
            {
                string does = id switch
                {
                    "zero_mean_unit_variance" => "subtracts the mean of each image",
                    "scale_range" => "stretches each image between its percentiles",
                    _ => "is not known with these values",
                };
                hints.Note($"{source}: '{id}' {does}, which the server does not do; masks will differ from the original's.");
                return;
            }
        }

        steps.Offer(source, hints);
    }

    private static string Operation(HintDocument operation) => operation.Text("id") ?? operation.Text("name") ?? "";

    private static void ReadOutput(HintDocument output, ExporterHints hints)
    {
        Axis[] axes = [.. Axes(output)];
        if (Find(axes, 'H') is { } rows)
        {
            if (rows.Halo is { } halo)
            {
                hints.OfferHalo(halo, output.Source("halo"));
            }

            if (rows.Border is > 0 and { } border)
            {
                hints.OfferBorder(border, output.Source("offset"));
            }
        }

        HintDocument? channel = output.Items("axes").FirstOrDefault(axis => axis.Text("type") == "channel");
        if (channel?.Names("channel_names") is { Count: > 1 } names)
        {
            hints.OfferNames(names, channel.Source("channel_names"));
        }

        foreach (HintDocument operation in output.Items("postprocessing"))
        {
            string id = Operation(operation);
            string source = $"{output.Source("postprocessing")} {id}";
            if (id == "sigmoid" && Find(axes, 'C')?.Size is 1)
            {
                hints.OfferOutputKind(OutputKind.BinaryLogit, source);
            }
            else if (id == "sigmoid")
            {
                hints.OfferOutputKind(OutputKind.MultilabelLogits, source);
            }
            else if (id == "softmax")
            {
                hints.OfferOutputKind(OutputKind.Logits, source);
            }
            else if (id == "binarize" && operation.Section("kwargs")?.Number("threshold") is { } threshold)
            {
                hints.OfferThreshold(threshold, source);
            }
            else
            {
                hints.Note($"{source}: the server does not do this to the output.");
            }
        }
    }

    private static void ReadStacInput(HintDocument input, ExporterHints hints)
    {
        string[] bands = [.. input.Items("bands").Select(band => band.Value ?? band.Text("name") ?? "?")];
        switch (string.Join(' ', bands).ToUpperInvariant())
        {
            case "RED GREEN BLUE" or "R G B":
                hints.OfferColor(ChannelOrder.Rgb, input.Source("bands"));
                break;
            case "BLUE GREEN RED" or "B G R":
                hints.OfferColor(ChannelOrder.Bgr, input.Source("bands"));
                break;
            case not "":
                hints.OfferChannels(bands.Length, input.Source("bands"));
                hints.Note($"{input.Source("bands")}: the network expects the bands {string.Join(", ", bands)}, in this order.");
                break;
        }

        if (input.Section("input") is { } tensor && tensor.Items("dim_order") is { Count: > 0 } order)
        {
            hints.OfferLayout(string.Concat(order.Select(axis => StacLetter(axis.Value))), tensor.Source("dim_order"));
        }

        if (input.Has("pre_processing_function"))
        {
            hints.Note($"{input.Source("pre_processing_function")}: the server does not run functions; check preprocess against it.");
        }

        if (input.Text("resize_type") is { } resize)
        {
            hints.Note($"{input.Source("resize_type")} is '{resize}'; choose preprocess.resize accordingly.");
        }
    }

    private static char StacLetter(string? axis) => axis switch
    {
        "batch" => 'N',
        "channel" or "channels" or "band" or "bands" => 'C',
        "height" or "y" => 'H',
        "width" or "x" => 'W',
        "depth" or "z" or "time" => 'D',
        _ => '?',
    };

    // One entry scales every band; several are one for each band.
    private static void ReadScaling(HintDocument input, ExporterHints hints)
    {
        string source = input.Source("value_scaling");
        List<float> slopes = [];
        List<float> intercepts = [];
        foreach (HintDocument entry in input.Items("value_scaling"))
        {
            string type = entry.Text("type") ?? "";
            (double Slope, double Intercept)? line = Line(type, entry);
            if (line is not { } known)
            {
                hints.Note($"{source}: '{type}' with these values cannot be served; choose preprocess yourself.");
                return;
            }

            slopes.Add((float)known.Slope);
            intercepts.Add((float)known.Intercept);
        }

        LinearSteps steps = new();
        if (slopes.Count > 0 && steps.Add(slopes, intercepts))
        {
            steps.Offer(source, hints);
        }
        else if (slopes.Count > 0)
        {
            hints.Note($"{source}: expected finite, positive ranges; the values are ignored.");
        }
    }

    private static (double Slope, double Intercept)? Line(string type, HintDocument entry)
    {
        double? value = entry.Number("value");
        double? low = entry.Number("minimum");
        double? high = entry.Number("maximum");
        return type switch
        {
            "min-max" when low is { } min && high is { } max => (1 / (max - min), -min / (max - min)),
            "z-score" when entry.Number("mean") is { } mean && entry.Number("stddev") is { } std => (1 / std, -mean / std),
            "offset" when value is { } offset => (1, -offset),
            "scale" when value is { } scale => (1 / scale, 0),
            "clip" when low <= 0 && high >= 255 => (1, 0),
            "clip-min" when low <= 0 => (1, 0),
            "clip-max" when high >= 255 => (1, 0),
            _ => null,
        };
    }

    private static void ReadClasses(HintDocument output, ExporterHints hints)
    {
        string key = "classification:classes";
        if (!output.Has(key))
        {
            key = "classification_classes"; // the name in early versions
        }

        HintDocument[] classes = [.. output.Items(key)];
        string source = output.Source(key);
        if (classes.Length == 0)
        {
            return;
        }

        if (!classes.Select(c => c.Whole("value") ?? -1).SequenceEqual(Enumerable.Range(0, classes.Length)))
        {
            hints.Note($"{source}: expected the values 0 to {classes.Length - 1} in order; the classes are ignored.");
            return;
        }

        hints.OfferNames([.. classes.Select(c => c.Text("name") ?? "")], source);
        string[] colors = [.. classes.Select(c => c.Text("color_hint")?.TrimStart('#').ToLowerInvariant() ?? "")];
        if (colors.All(c => c.Length == 6 && c.All(char.IsAsciiHexDigit)))
        {
            hints.OfferPalette([.. colors.Select(c => $"#{c}")], source);
        }
    }

    /// <summary>An axis of bioimage.io: N, C, H, W, D for depth or '?', its only size, or its smallest size and its
    /// step; of an output, the less reliable and the lacking pixels on each side.</summary>
    private sealed record Axis(char Letter, int? Size, int? Min, int? Step, int? Halo, int? Border);

    /// <summary>Linear steps on the values of each channel, joined into one: x·slope + intercept.</summary>
    private sealed class LinearSteps
    {
        private double[] _slopes = [1];
        private double[] _intercepts = [0];
        private bool _any;

        /// <summary>Appends a step; false where the counts do not fit or a slope is not positive.</summary>
        public bool Add(IReadOnlyList<float> slopes, IReadOnlyList<float> intercepts)
        {
            int count = Math.Max(_slopes.Length, Math.Max(slopes.Count, intercepts.Count));
            int[] counts = [_slopes.Length, slopes.Count, intercepts.Count];
            bool fits = counts.All(n => n == 1 || n == count)
                && slopes.All(s => float.IsFinite(s) && s > 0) && intercepts.All(float.IsFinite);
            if (fits)
            {
                _any = true;
                double[] before = _slopes;
                double[] shift = _intercepts;
                _slopes = [.. Enumerable.Range(0, count).Select(c => before[c % before.Length] * slopes[c % slopes.Count])];
                _intercepts =
                [
                    .. Enumerable.Range(0, count).Select(
                        c => (shift[c % shift.Length] * slopes[c % slopes.Count]) + intercepts[c % intercepts.Count]),
                ];
            }

            return fits;
        }

        /// <summary>Appends (x − mean) / std.</summary>
        public bool Standardize(IReadOnlyList<float>? mean, IReadOnlyList<float>? std) =>
            mean is not null && std?.Count == mean.Count
            && Add([.. std.Select(s => 1 / s)], [.. mean.Zip(std, (m, s) => -m / s)]);

        /// <summary>Offers the joined steps as a normalisation, where there are any. Means and deviations of at most 1
        /// are those of values in 0 to 1.</summary>
        public void Offer(string source, ExporterHints hints)
        {
            if (!_any)
            {
                return;
            }

            float[] mean = [.. _slopes.Zip(_intercepts, (slope, intercept) => (float)(-intercept / slope))];
            float[] std = [.. _slopes.Select(slope => (float)(1 / slope))];
            double scale = 1;
            if (mean.All(m => Math.Abs(m) <= 1) && std.All(d => d <= 1))
            {
                scale = 1.0 / 255;
                hints.Note($"{source}: the values are those of images in 0 to 1, so the scale is taken as 1/255.");
            }

            hints.OfferNormalization(scale, mean, std, source);
        }
    }
}
