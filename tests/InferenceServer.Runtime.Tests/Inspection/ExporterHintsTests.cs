using System.Text;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Tests.Inspection;

public sealed class ExporterHintsTests : IDisposable
{
    private const string SegformerConfig = """
        {
          "architectures": ["SegformerForSemanticSegmentation"],
          "id2label": {"0": "wall", "1": "building", "2": "sky"},
          "model_type": "segformer", "torch_dtype": "float32"
        }
        """;

    private const string SegformerProcessor = """
        {
          "do_normalize": true, "do_reduce_labels": true, "do_rescale": true, "do_resize": true,
          "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
          "image_processor_type": "SegformerImageProcessor", "resample": 2, "rescale_factor": 0.00392156862745098,
          "size": {"height": 512, "width": 640}
        }
        """;

    private const string Bioimage05 = """
        type: model
        format_version: 0.5.3
        inputs:
        - id: raw
          axes:
          - {type: batch}
          - type: channel
            channel_names: [intensity]
          - id: y
            type: space
            size: {min: 65, step: 16}
          - id: x
            type: space
            size: {min: 81, step: 16}
          preprocessing:
          - id: ensure_dtype
            kwargs: {dtype: float32}
          - id: scale_linear
            kwargs: {gain: 0.00392156862745098}
          - id: fixed_zero_mean_unit_variance
            kwargs: {mean: 0.5, std: 0.25}
        outputs:
        - id: mask
          axes:
          - {type: batch}
          - type: channel
            channel_names: [background, nucleus]
          - {id: y, type: space, halo: 16, size: {tensor_id: raw, axis_id: y, offset: -8}}
          - {id: x, type: space, halo: 16, size: {tensor_id: raw, axis_id: x, offset: -8}}
          postprocessing:
          - id: softmax
            kwargs: {axis: channel}
        """;

    private const string Bioimage04 = """
        format_version: 0.4.9
        inputs:
        - name: raw
          axes: bcyx
          shape: {min: [1, 3, 64, 64], step: [0, 0, 32, 32]}
          preprocessing:
          - name: zero_mean_unit_variance
            kwargs: {mode: fixed, axes: xy, mean: [10, 20, 30], std: [2, 4, 8]}
        outputs:
        - name: mask
          axes: bcyx
          shape: {reference_tensor: raw, scale: [1, 0.3, 1, 1], offset: [0, 0, -4, -4]}
          halo: [0, 0, 12, 12]
          postprocessing:
          - name: binarize
            kwargs: {threshold: 0.4}
        """;

    private const string Paddle = """
        Deploy:
          input_shape: [-1, 3, -1, -1]
          model: model.pdmodel
          output_op: argmax
          params: model.pdiparams
          transforms:
          - target_size: [1024, 512]
            type: Resize
          - mean: &id001 [0.5, 0.4, 0.3]
            std: *id001
            type: Normalize
        """;

    private const string Stac = """
        {
          "type": "Feature", "stac_version": "1.0.0", "id": "fields",
          "properties": {
            "mlm:name": "fields", "mlm:tasks": ["semantic-segmentation"],
            "mlm:input": [{
              "name": "image", "bands": [{"name": "blue"}, {"name": "green"}, {"name": "red"}],
              "input": {"shape": [-1, 3, 256, 256], "dim_order": ["batch", "channel", "height", "width"], "data_type": "float32"},
              "resize_type": null, "pre_processing_function": null,
              "value_scaling": [
                {"type": "z-score", "mean": 50, "stddev": 20},
                {"type": "z-score", "mean": 60, "stddev": 25},
                {"type": "min-max", "minimum": 0, "maximum": 255}]
            }],
            "mlm:output": [{
              "name": "mask",
              "classification:classes": [
                {"value": 0, "name": "background", "color_hint": "000000"},
                {"value": 1, "name": "field", "color_hint": "00FF7F"}]
            }]
          }
        }
        """;

    private const string Geoai = """
        {
          "model_name": "nvidia/segformer-b0", "task": "semantic-segmentation", "input_height": 512, "input_width": 384,
          "input_channels": 3, "output_names": ["logits"], "id2label": {"0": "land", "1": "water"}
        }
        """;

    private static readonly Dictionary<string, string> None = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hints");

    public static TheoryData<string, string> SideFiles => new()
    {
        { "config.json", SegformerConfig },
        { "preprocessor_config.json", SegformerProcessor },
        { "rdf.yaml", Bioimage05 },
        { "rdf.yaml", Bioimage04 },
        { "deploy.yaml", Paddle },
        { "item.json", Stac },
        { "model.onnx.json", Geoai },
    };

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Read_Nothing_HasNoHintsAndNoNotes()
    {
        ExporterHints hints = Read(None);

        Assert.Null(hints.Names);
        Assert.Null(hints.Normalization);
        Assert.Empty(hints.Notes);
    }

    [Fact]
    public void Read_UltralyticsSemantic_IsLetterboxedRgb()
    {
        ExporterHints hints = Read(new()
        {
            ["author"] = "Ultralytics",
            ["description"] = "Ultralytics YOLO26n-sem model trained on cityscapes.yaml: see docs",
            ["task"] = "semantic",
            ["imgsz"] = "[640, 640]",
            ["stride"] = "32",
            ["channels"] = "3",
            ["names"] = "{0: 'road', 1: \"driver's seat\", 2: 'sky, or: cloud'}",
        });

        Assert.Equal(["road", "driver's seat", "sky, or: cloud"], hints.Names!.Value);
        Assert.Equal("metadata: names", hints.Names.Source);
        Assert.Equal(ModelTask.SemanticSegmentation, hints.Task!.Value);
        Assert.Equal(ChannelOrder.Rgb, hints.ColorOrder!.Value);
        AssertNormalization(hints, 1f / 255, [0], [1]);
        Assert.Equivalent(new ResizeHint(ResizeMode.LongSide, [640], ResizeFilter.Bilinear, Antialias: false), hints.Resize!.Value);
        Assert.Equal(new PadHint(PadPosition.Center, 114), hints.Pad!.Value);
        Assert.Equal(new SizeHint(null, 32, 0, 32), hints.Size!.Value);
        Assert.Contains("(Ultralytics)", hints.Pad.Source, StringComparison.Ordinal);
        Assert.Empty(hints.Notes);
    }

    [Theory]
    [InlineData("segment", ModelTask.InstanceSegmentation)]
    [InlineData("detect", ModelTask.Other)]
    [InlineData("depth", ModelTask.Regression)]
    public void Read_UltralyticsOfAnotherTask_SaysThatItCannotBeServed(string word, object task)
    {
        ExporterHints hints = Read(new() { ["task"] = word, ["imgsz"] = "[640, 640]", ["names"] = "{0: 'person'}" });

        Assert.Equal((ModelTask)task, hints.Task!.Value);
        Assert.Contains(hints.Notes, n => n.Contains($"'{word}'", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_Deepness_HasTilesResolutionAndThreshold()
    {
        ExporterHints hints = Read(new()
        {
            ["model_type"] = "\"Segmentor\"",
            ["class_names"] = """{"0": "_background", "1": "building", "2": "water"}""",
            ["resolution"] = "50",
            ["tiles_size"] = "512",
            ["tiles_overlap"] = "40",
            ["standardization_mean"] = "[0.485, 0.456, 0.406]",
            ["standardization_std"] = "[0.229, 0.224, 0.225]",
            ["seg_thresh"] = "0.3",
        });

        Assert.Equal(["_background", "building", "water"], hints.Names!.Value);
        Assert.Equal(ModelTask.SemanticSegmentation, hints.Task!.Value);
        AssertNormalization(hints, 1f / 255, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);
        Assert.Equal(0.5, hints.Resolution!.Value);
        Assert.Equal(512, hints.TileSize!.Value);
        Assert.Equal(0.4, hints.TileOverlap!.Value, 6);
        Assert.Equal(0.3, hints.Threshold!.Value);
        Assert.Empty(hints.Notes);
    }

    [Fact]
    public void Read_DeepnessWithoutStandardization_IsZeroToOne() =>
        AssertNormalization(Read(new() { ["model_type"] = "\"Segmentor\"", ["resolution"] = "10" }), 1f / 255, [0], [1]);

    [Fact]
    public void Read_DeepnessWithHalfAStandardization_HasNoNormalization() =>
        Assert.Null(Read(new() { ["model_type"] = "Segmentor", ["standardization_mean"] = "[0.5]" }).Normalization);

    [Fact]
    public void Read_ModelApi_ReadsWordsAndWarnsOfTheChannelOrder()
    {
        ExporterHints hints = Read(new()
        {
            ["model_info model_type"] = "Segmentation",
            ["model_info labels"] = "oil_spill ship",
            ["model_info mean_values"] = "123.675 116.28 103.53",
            ["model_info scale_values"] = "58.395 57.12 57.375",
            ["model_info resize_type"] = "fit_to_window_letterbox",
            ["model_info pad_value"] = "114",
            ["model_info reverse_input_channels"] = "True",
        });

        Assert.Equal(["oil spill", "ship"], hints.Names!.Value);
        Assert.Equal("metadata: model_info.labels", hints.Names.Source);
        Assert.Equal(ModelTask.SemanticSegmentation, hints.Task!.Value);
        AssertNormalization(hints, 1, [123.675f, 116.28f, 103.53f], [58.395f, 57.12f, 57.375f]);
        Assert.Equal(new ResizeHint(ResizeMode.LongSide, null, ResizeFilter.Bilinear, Antialias: false), hints.Resize!.Value);
        Assert.Equal(new PadHint(PadPosition.Center, 114), hints.Pad!.Value);
        Assert.Equal(ChannelOrder.Rgb, hints.ColorOrder!.Value);
        Assert.Contains(hints.Notes, n => n.Contains("OpenCV (BGR)", StringComparison.Ordinal));
        Assert.Contains(hints.Notes, n => n.Contains("channel 0 is the background", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_ModelApiWithEmbeddedProcessing_DoesNotNormalizeTwice()
    {
        ExporterHints hints = Read(new()
        {
            ["model_info mean_values"] = "123.675 116.28 103.53",
            ["model_info scale_values"] = "58.395 57.12 57.375",
            ["model_info embedded_processing"] = "True",
        });

        AssertNormalization(hints, 1, [0], [1]);
        Assert.Contains(hints.Notes, n => n.Contains("inside the graph", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_HuggingFace_HasEveryValueOfTheProcessor()
    {
        ExporterHints hints = Read(None, ("config.json", SegformerConfig), ("preprocessor_config.json", SegformerProcessor));

        Assert.Equal(["wall", "building", "sky"], hints.Names!.Value);
        Assert.Equal("config.json: id2label", hints.Names.Source);
        Assert.Equal(OutputKind.Logits, hints.OutputKind!.Value);
        AssertNormalization(hints, 1f / 255, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);
        Assert.Contains("preprocessor_config.json: do_rescale", hints.Normalization!.Source, StringComparison.Ordinal);
        Assert.Equivalent(new ResizeHint(ResizeMode.Exact, [512, 640], ResizeFilter.Bilinear, Antialias: true), hints.Resize!.Value);
        AssertNote("labels of training only", hints);
    }

    [Theory]
    [InlineData("""{"shortest_edge": 800}""", ResizeMode.ShortSide, new[] { 800 })]
    [InlineData("""{"longest_edge": 900}""", ResizeMode.LongSide, new[] { 900 })]
    [InlineData("512", ResizeMode.Exact, new[] { 512, 512 })]
    [InlineData("[640, 640]", ResizeMode.Exact, new[] { 640, 640 })]
    public void Read_SizesOfProcessors_AreModes(string size, object mode, int[] sides)
    {
        ExporterHints hints = Read(None, ("preprocessor_config.json", $$"""{"do_normalize": false, "size": {{size}}}"""));

        Assert.Equal((ResizeMode)mode, hints.Resize!.Value.Mode);
        Assert.Equal(sides, hints.Resize.Value.Size);
    }

    [Fact]
    public void Read_SizesInUnknownOrder_AreANote()
    {
        ExporterHints hints = Read(None, ("preprocessor_config.json", """{"do_normalize": false, "size": [512, 640]}"""));

        Assert.Null(hints.Resize);
        Assert.Contains(hints.Notes, n => n.Contains("the form is not known", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_LanczosOfAProcessor_IsANoteAndNoFilter()
    {
        ExporterHints hints = Read(
            None, ("preprocessor_config.json", """{"do_normalize": false, "resample": 1, "size": 64}"""));

        Assert.Null(hints.Resize!.Value.Filter);
        Assert.Contains(hints.Notes, n => n.Contains("Pillow's filter 1", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_Mask2Former_IsQueriesWithADivisor()
    {
        ExporterHints hints = Read(
            None,
            ("config.json", """{"architectures": ["Mask2FormerForUniversalSegmentation"], "id2label": ["LABEL_0", "LABEL_1"]}"""),
            ("preprocessor_config.json", """{"do_normalize": false, "size_divisor": 32}"""));

        Assert.Equal(OutputKind.Queries, hints.OutputKind!.Value);
        Assert.Equal(32, hints.Size!.Value.Multiple);
        Assert.Equal(new PadHint(PadPosition.BottomRight, null), hints.Pad!.Value);
        Assert.Null(hints.Names);
        Assert.Contains(hints.Notes, n => n.Contains("stand-ins", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_ProcessorWithoutRescaleButMeansOfZeroToOne_IsNotPlausible()
    {
        ExporterHints hints = Read(
            None,
            ("preprocessor_config.json", """{"do_rescale": false, "do_normalize": true, "image_mean": [0.5], "image_std": [0.2]}"""));

        Assert.Null(hints.Normalization);
        Assert.Contains(hints.Notes, n => n.Contains("not plausible", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_Bioimage05_JoinsTheSteps()
    {
        ExporterHints hints = Read(None, ("rdf.yaml", Bioimage05));

        // (x/255 − 0.5) / 0.25 = (x − 127.5) / 63.75
        AssertNormalization(hints, 1, [127.5f], [63.75f]);
        Assert.Equal("NCHW", hints.Layout!.Value);
        Assert.Equal(1, hints.Channels!.Value);
        Assert.Equal(new SizeHint(null, 16, 1, 81), hints.Size!.Value);
        Assert.Equal(16, hints.Halo!.Value);
        Assert.Equal(4, hints.Border!.Value);
        Assert.Equal(["background", "nucleus"], hints.Names!.Value);
        Assert.Equal(OutputKind.Logits, hints.OutputKind!.Value);
        Assert.Empty(hints.Notes);
    }

    [Fact]
    public void Read_Bioimage04_ReadsLettersAndShapes()
    {
        ExporterHints hints = Read(None, ("rdf.yaml", Bioimage04));

        AssertNormalization(hints, 1, [10, 20, 30], [2, 4, 8]);
        Assert.Equal("NCHW", hints.Layout!.Value);
        Assert.Equal(new SizeHint(null, 32, 0, 64), hints.Size!.Value);
        Assert.Equal(12, hints.Halo!.Value);
        Assert.Equal(4, hints.Border!.Value);
        Assert.Equal(0.4, hints.Threshold!.Value);
    }

    [Theory]
    [InlineData("zero_mean_unit_variance", "the mean of each image")]
    [InlineData("scale_range", "between its percentiles")]
    [InlineData("binarize", "is not known")]
    public void Read_BioimageStepOfEachImage_IsANoteAndNoNormalization(string id, string why)
    {
        ExporterHints hints = Read(
            None,
            ("rdf.yaml", $"inputs: [{{axes: byxc, preprocessing: [{{id: scale_linear, kwargs: {{gain: 0.5}}}}, {{id: {id}}}]}}]"));

        Assert.Null(hints.Normalization);
        Assert.Equal("NHWC", hints.Layout!.Value);
        AssertNote(why, hints);
    }

    [Fact]
    public void Read_BioimageVolume_SaysSo()
    {
        ExporterHints hints = Read(None, ("rdf.yaml", "inputs:\n- axes: bczyx\n"));

        Assert.Null(hints.Layout);
        AssertNote("volumes", hints);
    }

    [Fact]
    public void Read_Paddle_ReadsWidthBeforeHeightAndAliases()
    {
        ExporterHints hints = Read(None, ("deploy.yaml", Paddle));

        Assert.Equivalent(new ResizeHint(ResizeMode.Exact, [512, 1024], ResizeFilter.Bilinear, Antialias: false), hints.Resize!.Value);
        AssertNormalization(hints, 1f / 255, [0.5f, 0.4f, 0.3f], [0.5f, 0.4f, 0.3f]);
        Assert.Equal(OutputKind.Labels, hints.OutputKind!.Value);
        Assert.Equal("deploy.yaml: Deploy.transforms Normalize", hints.Normalization!.Source);
        Assert.Empty(hints.Notes);
    }

    [Fact]
    public void Read_PaddleDefaults_AreThoseOfItsTransforms()
    {
        ExporterHints hints = Read(None, ("inference.yml", "Deploy: {transforms: [{type: Normalize}, {type: Resize}, {type: Warp}]}"));

        AssertNormalization(hints, 1f / 255, [0.5f], [0.5f]);
        Assert.Equal([512, 512], hints.Resize!.Value.Size);
        AssertNote("Warp", hints);
    }

    [Fact]
    public void Read_Stac_HasClassesColoursAndScaling()
    {
        ExporterHints hints = Read(None, ("item.json", Stac), ("other.json", "{\"no\": \"item\"}"), ("broken.json", "{"));

        Assert.Equal(["background", "field"], hints.Names!.Value);
        Assert.Equal(["#000000", "#00ff7f"], hints.Palette!.Value);
        Assert.Equal(ChannelOrder.Bgr, hints.ColorOrder!.Value);
        Assert.Equal("NCHW", hints.Layout!.Value);
        AssertNormalization(hints, 1, [50, 60, 0], [20, 25, 255]);
        Assert.Equal("item.json: properties.mlm:input.value_scaling", hints.Normalization!.Source);
        Assert.Empty(hints.Notes);
    }

    [Theory]
    [InlineData("""{"type": "z-score", "mean": 0.485, "stddev": 0.229}""", 0.485f, 0.229f)]
    [InlineData("""{"type": "z-score", "mean": 0.5, "stddev": 0.5}""", 0.5f, 0.5f)]
    [InlineData("""{"type": "min-max", "minimum": 0, "maximum": 1}""", 0f, 1f)]
    public void Read_StacStatisticsOfZeroToOne_AreScaledAndNoted(string scaling, float mean, float std)
    {
        ExporterHints hints = Read(None, ("item.json", """{"mlm:input": [{"value_scaling": [""" + scaling + "]}]}"));

        AssertNormalization(hints, 1f / 255, [mean], [std]);
        AssertNote("the scale is taken as 1/255", hints);
    }

    [Fact]
    public void Read_SeveralStacItems_TakesTheOneThatNamesTheGraph()
    {
        string other = Stac.Replace("\"field\"", "\"forest\"", StringComparison.Ordinal);
        string named = Stac.Replace("\"id\": \"fields\"", "\"id\": \"model.onnx\"", StringComparison.Ordinal);

        Assert.Equal(["background", "field"], Read(None, ("a.json", other), ("b.json", named)).Names!.Value);
    }

    [Fact]
    public void Read_SeveralStacItemsThatNameNoGraph_AreANote()
    {
        ExporterHints hints = Read(None, ("a.json", Stac), ("b.json", Stac));

        Assert.Null(hints.Names);
        AssertNote("several STAC items", hints);
    }

    [Fact]
    public void Read_Geoai_ReadsTheSidecar()
    {
        ExporterHints hints = Read(None, ("model.onnx.json", Geoai));

        Assert.Equal(["land", "water"], hints.Names!.Value);
        Assert.Equal([512, 384], hints.Resize!.Value.Size);
        Assert.Equal("logits", hints.OutputName!.Value);
        Assert.Equal(3, hints.Channels!.Value);
    }

    [Fact]
    public void Read_FileInTheParent_IsFoundAndShownAsSuch()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "config.json"), SegformerConfig);
        string version = _folder.CreateSubdirectory("1").FullName;

        Assert.Equal("../config.json: id2label", ExporterHints.Read(Path.Combine(version, "model.onnx"), None).Names!.Source);
    }

    [Fact]
    public void Read_SourcesThatDisagree_TakesTheNearerAndNotesBoth()
    {
        ExporterHints hints = Read(new() { ["names"] = "['road', 'sky']" }, ("config.json", SegformerConfig));

        Assert.Equal(["road", "sky"], hints.Names!.Value);
        string note = Assert.Single(hints.Notes);
        Assert.Contains("config.json: id2label disagrees with metadata: names", note, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SameNormalizationInTwoUnits_IsNoDisagreement()
    {
        ExporterHints hints = Read(
            new() { ["model_info mean_values"] = "123.675 116.28 103.53", ["model_info scale_values"] = "58.395 57.12 57.375" },
            ("preprocessor_config.json", SegformerProcessor.Replace("\"do_reduce_labels\": true, ", "", StringComparison.Ordinal)));

        Assert.Equal(1, hints.Normalization!.Value.Scale);
        Assert.Empty(hints.Notes);
    }

    [Theory]
    [InlineData("names", "{0: 'road', 1: 'sky'")]
    [InlineData("names", "{0: 'road', 2: 'sky'}")]
    [InlineData("names", "{0: ['road'], 1: 'sky'}")]
    [InlineData("names", "{'road': 0}")]
    [InlineData("names", "3")]
    public void Read_WrongNames_AreANote(string key, string value)
    {
        ExporterHints hints = Read(new() { [key] = value });

        Assert.Null(hints.Names);
        Assert.StartsWith("metadata: names: expected a name for each index", Assert.Single(hints.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("['road', 'road']", "stands twice")]
    [InlineData("['road', ' ']", "a name for each class")]
    public void Read_NamesThatNoManifestTakes_AreANote(string names, string note)
    {
        ExporterHints hints = Read(new() { ["names"] = names });

        Assert.Null(hints.Names);
        AssertNote(note, hints);
    }

    [Theory]
    [InlineData("\"image_std\": [0.229, 0.224, 0.225]", "\"image_std\": [0.229, 0, 0.225]")]
    [InlineData("\"image_std\": [0.229, 0.224, 0.225]", "\"image_std\": [0.229, 0.224]")]
    [InlineData("\"image_mean\": [0.485, 0.456, 0.406]", "\"image_mean\": \"imagenet\"")]
    [InlineData("\"image_mean\": [0.485, 0.456, 0.406]", "\"image_mean\": [0.485, null, 0.406]")]
    [InlineData("\"image_mean\": [0.485, 0.456, 0.406]", "\"image_mean\": [1e999, 0, 0]")]
    [InlineData("\"rescale_factor\": 0.00392156862745098", "\"rescale_factor\": -1")]
    public void Read_WrongNormalization_IsANote(string right, string wrong)
    {
        Assert.Contains(right, SegformerProcessor, StringComparison.Ordinal);

        string processor = SegformerProcessor.Replace(right, wrong, StringComparison.Ordinal);

        ExporterHints hints = Read(None, ("preprocessor_config.json", processor));

        Assert.Null(hints.Normalization);
        Assert.NotEmpty(hints.Notes);
        Assert.Equal([512, 640], hints.Resize!.Value.Size);
    }

    [Theory]
    [MemberData(nameof(SideFiles))]
    public void Read_FileCutAnywhere_NeverThrows(string name, string text)
    {
        for (int length = 0; length < text.Length; length += 3)
        {
            Read(None, (name, text[..length]));
        }
    }

    [Theory]
    [MemberData(nameof(SideFiles))]
    public void Read_FileWithOtherCharacters_NeverThrows(string name, string text)
    {
        Random random = new(14);
        const string Characters = "{}[]:,-&*!|>'\"%@`#?\n\t 0\\\0é";
        for (int i = 0; i < 100; i++)
        {
            StringBuilder damaged = new(text);
            for (int change = 0; change < 3; change++)
            {
                damaged[random.Next(damaged.Length)] = Characters[random.Next(Characters.Length)];
            }

            Read(None, (name, damaged.ToString()));
        }
    }

    [Theory]
    [InlineData("rdf.yaml", "inputs: [[[")]
    [InlineData("deploy.yaml", "Deploy: {a: b")]
    [InlineData("config.json", "{\"id2label\": ")]
    [InlineData("config.json", "{\"id2label\": {}, \"id2label\": {}}")]
    [InlineData("config.json", "[1]")]
    [InlineData("config.json", "{\"encoder\": \"resnet\"}")]
    [InlineData("preprocessor_config.json", "{}")]
    [InlineData("rdf.yaml", "just text")]
    [InlineData("rdf.yaml", "type: dataset")]
    [InlineData("inference.yml", "Global: {}")]
    public void Read_DamagedOrUnknownFile_IsANote(string name, string text) =>
        Assert.StartsWith(name, Assert.Single(Read(None, (name, text)).Notes), StringComparison.Ordinal);

    [Fact]
    public void Read_DeepYaml_IsANote() =>
        AssertNote("nested too deeply", Read(None, ("rdf.yaml", "inputs: " + new string('[', 100_000))));

    [Fact]
    public void Read_YamlOfManyAliases_IsANote()
    {
        StringBuilder text = new("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 9; i++)
        {
            text.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }

        AssertNote("too many values", Read(None, ("rdf.yaml", text.ToString())));
    }

    [Fact]
    public void Read_LargeFile_IsANote() =>
        AssertNote("more than", Read(None, ("config.json", new string(' ', (1 << 20) + 1))));

    [Fact]
    public void Read_FolderInPlaceOfAFile_IsIgnored()
    {
        _folder.CreateSubdirectory("config.json");

        Assert.Empty(Read(None).Notes);
    }

    private static void AssertNote(string part, ExporterHints hints) =>
        Assert.Contains(part, Assert.Single(hints.Notes), StringComparison.Ordinal);

    private static void AssertNormalization(ExporterHints hints, float scale, float[] mean, float[] std)
    {
        NormalizationHint hint = hints.Normalization!.Value;
        Assert.Equal(scale, hint.Scale, 6);
        Assert.Equal(mean.Length, hint.Mean.Count);
        Assert.All(mean.Zip(hint.Mean), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.All(std.Zip(hint.Std), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    private ExporterHints Read(Dictionary<string, string> metadata, params (string Name, string Text)[] files)
    {
        DirectoryInfo folder = _folder.CreateSubdirectory("graph");
        foreach ((string name, string text) in files)
        {
            File.WriteAllText(Path.Combine(folder.FullName, name), text);
        }

        return ExporterHints.Read(Path.Combine(folder.FullName, "model.onnx"), metadata);
    }
}
