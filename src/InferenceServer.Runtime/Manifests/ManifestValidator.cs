using System.Text.RegularExpressions;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Kernels.Normalization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Checks the values of a manifest, and reports all errors at once.</summary>
internal static partial class ManifestValidator
{
    // Three floats for each pixel and their bytes still fit an array, with padding that may double the pixels.
    private const long MostInputPixels = 1L << 26;
    private const double LargestNormalized = 512;

    public static IReadOnlyList<string> Validate(ModelManifest manifest, string folder)
    {
        List<string> errors = [];
        Expect(manifest.Schema == 1, "schema", "expected 1");
        Expect(
            manifest.Name is null || manifest.Name == folder, "name",
            $"expected the folder's name '{folder}', got '{manifest.Name}'; correct or remove the key");
        Expect(
            FolderName().IsMatch(folder), "name",
            "expected a folder's name of ASCII letters, digits, '.', '_' and '-'");
        Expect(manifest.Source?.Sha256 is not { } hash || IsSha256(hash), "source.sha256", "expected 64 hexadecimal digits");
        Expect(
            manifest.Source?.Weights?.All(w => FolderName().IsMatch(w.Key) && IsSha256(w.Value)) is not false,
            "source.weights", "expected names of files beside the graph, each with 64 hexadecimal digits");
        ValidateGraph(manifest.Graph);
        ValidatePreprocess(manifest.Preprocess);
        Expect(
            !manifest.Decode.ScaleOnLoad || manifest.Preprocess.Color != ChannelOrder.Bands, "decode.scale_on_load",
            "expected false for a network of bands, whose pixels are read as they are");
        ValidateInference(manifest.Inference);
        ValidatePostprocess(manifest.Postprocess);
        ValidateClasses(manifest.Classes, manifest.Graph.OutputKind);
        Expect(manifest.WarmUp?.Sizes is not { } sizes || sizes.All(IsImage), "warm_up.sizes", "expected a list of [height, width]");
        Expect(
            manifest.WarmUp?.Batches?.All(b => b >= 1 && b <= manifest.Graph.MaxBatch) is not false,
            "warm_up.batches", $"expected numbers of 1 to graph.max_batch ({manifest.Graph.MaxBatch})");
        Expect(manifest.Cost?.At is not { } at || IsImage(at), "cost.at", "expected [height, width]");
        Expect(double.IsFinite(manifest.Cost?.Gmac ?? 0), "cost.gmac", "expected a finite number");
        Expect(double.IsFinite(manifest.Quality?.Value ?? 0), "quality.value", "expected a finite number");
        return errors;

        void Expect(bool holds, string key, string expected)
        {
            if (!holds)
            {
                errors.Add($"{key}: {expected}");
            }
        }

        void ValidateGraph(GraphManifest graph)
        {
            Expect(
                graph.Layout is null || GraphManifest.InputLayouts.Contains(graph.Layout), "graph.layout",
                $"expected one of {string.Join(", ", GraphManifest.InputLayouts)}");
            Expect(
                graph.OutputLayout is null || GraphManifest.OutputLayouts.Contains(graph.OutputLayout), "graph.output_layout",
                $"expected one of {string.Join(", ", GraphManifest.OutputLayouts)}");
            Expect(
                graph.Output is null || graph.Output.Name is null == (graph.OutputKind == OutputKind.Queries), "graph.output",
                "expected { \"classes\": NAME, \"masks\": NAME } for queries, and one name for every other output_kind");
            Expect(graph.MaxBatch is >= 1 and <= 1024, "graph.max_batch", "expected 1 to 1024");
            Expect(graph.OutputStride is null or (>= 1 and <= 64), "graph.output_stride", "expected 1 to 64");
            Expect(graph.OutputScale is null or (> 0 and <= 8), "graph.output_scale", "expected a number above 0 and up to 8");
            Expect(
                graph.OutputStride is null or 1 || graph.OutputScale is null or 1, "graph.output_scale",
                "expected 1 where output_stride is not 1");
            ValidateBorder(graph.OutputBorder, manifest.Preprocess.Size);
        }

        void ValidateBorder(IReadOnlyList<int>? border, SizeManifest size)
        {
            Expect(
                border is null or [>= 0 and <= 4096] or [>= 0 and <= 4096, >= 0 and <= 4096], "graph.output_border",
                "expected a number of pixels, or [rows, columns]");
            Expect(
                border is not [var rows, var columns] || rows == columns || size.Multiple == 1, "graph.output_border",
                "expected one number where preprocess.size.multiple is not 1");
            Expect(
                border is not { Count: > 0 } || size.Fixed is not { Count: 2 } only
                    || (only[0] > 3 * border[0] && only[1] > 3 * border[^1]),
                "graph.output_border", "expected less than a third of preprocess.size.fixed");
        }

        void ValidatePreprocess(PreprocessManifest preprocess)
        {
            bool byMaximum = preprocess.Normalize == PixelNormalization.ImageMax;
            Expect(
                !byMaximum || preprocess.Scale is null, "preprocess.scale",
                "expected no scale with the normalize \"image_max\", which divides by the image's largest value; " +
                "remove the key");
            bool hasBands = preprocess.Color == ChannelOrder.Bands;
            Expect(
                byMaximum || (hasBands && preprocess.Scale is null) || preprocess.Scale is > 0 and < float.PositiveInfinity,
                "preprocess.scale",
                "expected a positive number, for instance 0.00392156862745098 (1/255) or 1");
            int channels = preprocess.Mean.Count;
            Expect(
                channels is >= 1 and <= PreprocessManifest.MostChannels && preprocess.Mean.All(float.IsFinite),
                "preprocess.mean", $"expected numbers, one for each of 1 to {PreprocessManifest.MostChannels} channels");
            Expect(
                preprocess.Std.Count == channels && preprocess.Std.All(s => float.IsFinite(s) && s > 0),
                "preprocess.std", $"expected as many positive numbers as mean has ({channels}), got {preprocess.Std.Count}");
            Expect(
                channels == 1 || preprocess.Color != ChannelOrder.Gray, "preprocess.mean",
                $"expected one number with the color \"gray\", got {channels}");
            Expect(
                channels != 1 || hasBands || preprocess.Color == ChannelOrder.Gray, "preprocess.mean",
                "expected three numbers, got 1; a graph of one channel has the color \"gray\"");
            Expect(
                preprocess.Pad.Value.Steps.Count <= 1 || preprocess.Pad.Value.Steps.Count == channels,
                "preprocess.pad.value",
                $"expected one number, or one for each channel ({channels}), got {preprocess.Pad.Value.Steps.Count}");
            ValidateBands(preprocess, channels);
            if (errors.Count == 0 && !hasBands)
            {
                // A larger normalised pixel means a scale of 1 with means of 0 to 1, or the reverse. Such a manifest
                // loses accuracy without an error.
                double most = 1;
                if (preprocess.Scale is { } scale)
                {
                    most = 255 * scale;
                }

                double largest = preprocess.Mean
                    .Zip(preprocess.Std, (mean, std) => Math.Max(Math.Abs(mean), Math.Abs(most - mean)) / std)
                    .Max();
                Expect(
                    largest <= LargestNormalized, "preprocess.scale",
                    "expected a scale of 1/255 with means of 0 to 1, " +
                    $"or 1 with means of 0 to 255; got normalised pixels of up to {largest:G3}");
            }

            ValidateSize(preprocess.Size);
            ValidateResize(preprocess.Resize, preprocess.Size.Fixed, manifest.Inference.Mode == InferenceMode.Slide);
        }

        void ValidateBands(PreprocessManifest preprocess, int channels)
        {
            Expect(
                preprocess.Color != ChannelOrder.Bands || preprocess.Normalize != PixelNormalization.ImageMax, "preprocess.normalize",
                "expected no such key with the color \"bands\"; use value_scaling");
            Expect(
                preprocess.Bands is null || preprocess.Bands.Count == channels, "preprocess.bands",
                $"expected {channels} bands, one for each channel, got {preprocess.Bands?.Count}");
            Expect(
                preprocess.ValueScaling is not { Count: > 1 } each || each.Count == channels, "preprocess.value_scaling",
                $"expected one list of steps, or {channels}, one for each channel");
            Expect(preprocess.View?.Bands is null or { Count: 1 or 3 }, "preprocess.view.bands", "expected three bands, or one");
            Expect(
                preprocess.View?.ValueScaling is null or { Count: 1 or 3 }, "preprocess.view.value_scaling",
                "expected one list of steps, or three");
            Expect(preprocess.Resolution is null or (> 0 and < 1e6), "preprocess.resolution", "expected metres a pixel, above 0");
            Expect(
                preprocess.Resolution is null || preprocess.Resize.Mode == ResizeMode.None, "preprocess.resolution",
                "expected the resize mode none: the resolution says the size");
            Expect(
                preprocess.NodataFill is null || float.IsFinite(preprocess.NodataFill.Value), "preprocess.nodata_fill",
                "expected a number");
        }

        void ValidateSize(SizeManifest size)
        {
            Expect(size.Multiple is >= 1 and <= 1024, "preprocess.size.multiple", "expected 1 to 1024");
            Expect(
                size.Offset >= 0 && size.Offset < Math.Max(size.Multiple, 2), "preprocess.size.offset",
                "expected 0 or more, less than multiple");
            Expect(size.Bucket is null or (>= 1 and <= 4096), "preprocess.size.bucket", "expected 1 to 4096");
            Expect(size.Min is >= 1 and <= 16384, "preprocess.size.min", "expected 1 to 16384");
            Expect(size.Fixed is null or [> 0 and <= 16384, > 0 and <= 16384], "preprocess.size.fixed", "expected [height, width]");
        }

        void ValidateResize(ResizeManifest resize, IReadOnlyList<int>? @fixed, bool slides)
        {
            int channels = Math.Clamp(manifest.Preprocess.Mean.Count, 3, PreprocessManifest.MostChannels);
            long mostPixels = Math.Max(MostInputPixels * 3 / channels, ResizeManifest.UsualMaxPixels);
            Expect(
                resize.MaxPixels >= 1024 && resize.MaxPixels <= mostPixels, "preprocess.resize.max_pixels",
                $"expected 1024 to {mostPixels}");
            // Every image is padded to min × min; without this check, one line of JSON could request gigabytes.
            Expect(
                (long)manifest.Preprocess.Size.Min * manifest.Preprocess.Size.Min <= 2 * resize.MaxPixels,
                "preprocess.resize.max_pixels", "expected at least half of size.min × size.min");
            Expect(
                resize is not { Mode: ResizeMode.LongSidePad or ResizeMode.Exact, Size: { } size }
                    || Sides(size) is not [int rows, int columns]
                    || (long)rows * columns <= 2 * resize.MaxPixels,
                "preprocess.resize.max_pixels", "expected at least half of size × size");
            bool sides = resize.Mode switch
            {
                ResizeMode.None => resize.Size is null,
                ResizeMode.Exact =>
                    resize.Size is [> 0 and <= 16384] or [> 0 and <= 16384, > 0 and <= 16384]
                        || (resize.Size is null && @fixed is not null),
                _ => resize.Size is [> 0 and <= 16384],
            };
            Expect(sides, "preprocess.resize.size", resize.Mode switch
            {
                ResizeMode.None => "expected no size with the mode \"none\"",
                ResizeMode.Exact => "expected [height, width] or one side",
                _ => "expected the length of the side in pixels, 1 to 16384",
            });
            if (@fixed is [int height, int width])
            {
                bool fits = resize.Mode switch
                {
                    ResizeMode.Exact => resize.Size is null || Sides(resize.Size).SequenceEqual([height, width]),
                    ResizeMode.LongSide or ResizeMode.LongSidePad => resize.Size is [int side] && side <= Math.Min(height, width),
                    _ => slides,
                };
                Expect(
                    (long)height * width <= 2 * resize.MaxPixels, "preprocess.resize.max_pixels",
                    $"expected at least half of the fixed {height}×{width}");
                Expect(
                    fits, "preprocess.resize",
                    $"expected the mode \"exact\" of {height}×{width}, the graph's only size, or " +
                    "\"long_side\" of at most that, or any mode with the inference mode \"slide\"");
            }
        }

        void ValidateInference(InferenceManifest inference)
        {
            OutputKind kind = manifest.Graph.OutputKind;
            Expect(
                inference.Crop is null or [> 0 and <= 16384] or [> 0 and <= 16384, > 0 and <= 16384],
                "inference.crop", "expected [height, width] or one side");
            Expect(
                inference.Crop is null
                    || manifest.Preprocess.Size.Fixed is not { } only
                    || Sides(inference.Crop).SequenceEqual(only), "inference.crop",
                    "expected preprocess.size.fixed, the graph's only size");
            Expect(
                inference.StrideRate is null or (> 0 and <= 1), "inference.stride_rate",
                "expected a share of the crop, above 0 and at most 1");
            Expect(
                inference.Scales.Count > 0 && inference.Scales.All(s => s is > 0 and <= 16), "inference.scales",
                "expected at least one scale, each above 0 and at most 16");
            Expect(
                inference.Halo >= 0 && inference.Tile(manifest.Preprocess.Size).All(side => 2L * inference.Halo < side), "inference.halo",
                "expected 0 or more, and less than half of the crop: the halo is cut from both sides of a tile");
            bool isOne = inference is { Mode: InferenceMode.Whole, Scales.Count: 1, Flip: false };
            Expect(
                !kind.EndsInLabels() || isOne, "inference",
                "expected the mode \"whole\", one scale and no flip: a graph that ends in labels has nothing to " +
                "average");
            Expect(
                !kind.IsProbability() || inference.Fuse == FuseMode.MeanSoftmax, "inference.fuse",
                "expected \"mean_softmax\": the graph returns no logits");
        }

        void ValidatePostprocess(PostprocessManifest postprocess)
        {
            OutputKind kind = manifest.Graph.OutputKind;
            string? activation = kind switch
            {
                OutputKind.Logits => "softmax",
                OutputKind.BinaryLogit or OutputKind.MultilabelLogits => "sigmoid",
                _ => postprocess.Activation, // the graph has it, or needs none
            };
            Expect(
                postprocess.Activation is null || postprocess.Activation == activation, "postprocess.activation",
                $"expected \"{activation}\" for this output_kind");
            Expect(
                postprocess.Temperature == 1 || kind is OutputKind.Logits or OutputKind.BinaryLogit or OutputKind.MultilabelLogits,
                "postprocess.temperature", "expected no such key: it divides logits, and this output_kind has none");
            Expect(postprocess.Temperature is >= 0.05f and <= 20, "postprocess.temperature", "expected 0.05 to 20");
            Expect(
                postprocess.Threshold?.All(t => t is > 0 and < 1) is not false, "postprocess.threshold",
                "expected a probability between 0 and 1");
            bool isList = postprocess.Threshold is { Count: not 1 };
            Expect(
                !isList || (kind.IsMultilabel() && postprocess.Threshold!.Count == Count(manifest.Classes)), "postprocess.threshold",
                "expected one number, or with a multilabel output one for each class");
            Expect(
                postprocess.None is null || kind.IsMultilabel(), "postprocess.none",
                "expected no such key: only with a multilabel output are there pixels that no class claims");
            int largest = ClassTable.DefaultIgnore(Count(manifest.Classes) ?? 0);
            Expect(
                postprocess.NodataLabel is null || (postprocess.NodataLabel >= 0 && postprocess.NodataLabel <= largest),
                "postprocess.nodata_label", $"expected 0 to {largest}");
            Expect(postprocess.None?.Trim() is not "", "postprocess.none", "expected a name, found an empty one");
            ValidateCrf(postprocess.Crf);
        }

        void ValidateCrf(CrfManifest? crf)
        {
            Expect(crf?.Iterations is null or (>= 1 and <= 50), "postprocess.crf.iterations", "expected 1 to 50");
            foreach ((string key, KernelManifest? kernel) in ((string, KernelManifest?)[])[
                ("gaussian", crf?.Gaussian), ("bilateral", crf?.Bilateral)
            ])
            {
                bool fits = kernel is null or
                {
                    Weight: >= 0 and < float.PositiveInfinity,
                    Xy: > 0 and < float.PositiveInfinity,
                    Rgb: null or (> 0 and < float.PositiveInfinity),
                };
                Expect(fits, $"postprocess.crf.{key}", "expected a weight of 0 or more, and deviations above 0");
            }

            string? obstacle = CrfManifest.Obstacle(manifest.Graph.OutputKind, manifest.Classes.Names?.Count ?? 0);
            Expect(crf is not { Default: true } || obstacle is null, "postprocess.crf.default", $"expected false: {obstacle}");
        }

        void ValidateClasses(ClassesManifest classes, OutputKind kind)
        {
            errors.AddRange(ClassTable.Validate(classes, kind));
            int? count = Count(classes);
            bool isClass = (classes.Ignore ?? ClassTable.DefaultIgnore(count ?? 0)) < count;
            bool named = manifest.Postprocess.None is { } none && classes.Names?.Contains(none) is true;
            Expect(
                !kind.IsMultilabel() || !isClass || named, "classes.ignore",
                "expected a label that is no class, for pixels that no class claims; or name their class in postprocess.none");
            bool isBinary = kind is OutputKind.BinaryLogit or OutputKind.BinaryProbability or OutputKind.BinaryMask;
            Expect(
                !isBinary || count is null or 1 or 2, "classes.names",
                "expected the object's name for a binary output, or two names: the background's and the object's");
            Expect(
                classes.Values is null || classes.Values.Count == count, "classes.values",
                "expected one value for each class");
            Expect(
                classes.SubmitIds is null || classes.SubmitIds.Count == count, "classes.submit_ids",
                "expected one identifier for each class");
        }
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    private static partial Regex FolderName();

    private static int? Count(ClassesManifest classes)
    {
        if (classes.Names is null && ClassSets.TryGet(classes.Dataset ?? "", out ClassSet? set))
        {
            return set.Names.Count;
        }

        return classes.Names?.Count;
    }

    /// <summary>Height and width; one side stands for both.</summary>
    public static IReadOnlyList<int> Sides(IReadOnlyList<int> size)
    {
        if (size is [int side])
        {
            return [side, side];
        }

        return size;
    }

    private static bool IsSha256(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigit);

    private static bool IsImage(IReadOnlyList<int> size) =>
        size is [> 0 and <= 16384, > 0 and <= 16384] && (long)size[0] * size[1] <= MostInputPixels;
}
