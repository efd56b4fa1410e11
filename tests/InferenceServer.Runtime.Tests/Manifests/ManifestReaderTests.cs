using System.Text.Json.Nodes;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Tests.Manifests;

public sealed class ManifestReaderTests : IDisposable
{
    private const string Complete = """
        {
          "schema": 1, "name": "road", "version": "1", "architecture": "deeplabv3", "backbone": "resnet50",
          "source": {"project": "torchvision", "checkpoint": "weights.pth", "licence": "BSD-3-Clause", "exporter": "torch", "opset": 16},
          "graph": {"input": "input", "output": "logits", "layout": "NCHW", "element": "float32", "max_batch": 8,
                    "output_kind": "logits", "output_stride": 1, "output_scale": 1.0, "extra_inputs": []},
          "preprocess": {"color": "RGB", "scale": 0.00392156862745098, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
                         "resize": {"mode": "short_side", "size": 520, "filter": "bilinear", "antialias": true, "max_pixels": 4194304},
                         "size": {"multiple": 1, "offset": 0, "fixed": null, "min": 64},
                         "pad": {"where": "bottom_right", "value": "mean"}},
          "inference": {"mode": "whole", "crop": null, "stride_rate": 0.6667, "scales": [1.0], "flip": false, "fuse": "mean_softmax"},
          "postprocess": {"activation": "softmax", "resize": "bilinear", "align_corners": false, "threshold": null,
                          "crf": {"default": false, "iterations": 10, "gaussian": {"weight": 3, "xy": 1},
                                  "bilateral": {"weight": 4, "xy": 67, "rgb": 3}}},
          "classes": {"dataset": "roads", "names": ["background", "road"], "palette": "voc", "ignore": 255,
                      "values": null, "submit_ids": null},
          "quality": {"metric": "mIoU", "value": 66.4, "dataset": "val", "protocol": "single scale"},
          "cost": {"parameters": 39638869, "gmac": 168.7, "at": [520, 520]}
        }
        """;

    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory().FullName, "road");

    [Fact]
    public void Read_CompleteManifest_GivesEveryValue()
    {
        ModelManifest manifest = Read(Complete);

        Assert.Equal(ChannelOrder.Rgb, manifest.Preprocess.Color);
        Assert.Equal(ResizeMode.ShortSide, manifest.Preprocess.Resize.Mode);
        Assert.Equal([520], manifest.Preprocess.Resize.Size);
        Assert.Equal(["background", "road"], manifest.Classes.Names);
        Assert.Equal(["voc"], manifest.Classes.Palette);
        Assert.Equal(OutputKind.Logits, manifest.Graph.OutputKind);
        Assert.Equal([520, 520], manifest.Cost?.At);
    }

    /// <summary>What is changed, and what the message must say.</summary>
    public static TheoryData<string, string?, string> Wrong => new()
    {
        { "schema", "2", "schema: expected 1" },
        { "schema", "\"one\"", "schema" },
        { "name", "\"street\"", "name: expected the folder's name 'road'" },
        { "sorce", "{}", "expected a known key, got 'sorce'" },
        { "preprocess", null, "required keys are missing: 'preprocess'" },
        { "preprocess.mean", null, "required keys are missing: 'mean'" },
        { "preprocess.mean", "[0.485, 0.456]", "preprocess.std: expected as many positive numbers as mean has (2), got 3" },
        { "preprocess.std", "[0.2, 0, 0.2]", "preprocess.std: expected as many positive numbers as mean has (3)" },
        { "preprocess.mean", "[]", "preprocess.mean: expected numbers, one for each of 1 to 64 channels" },
        { "preprocess.mean", "[0.5]", "preprocess.mean: expected three numbers, got 1; a graph of one channel has the color \"gray\"" },
        { "preprocess.color", "\"gray\"", "preprocess.mean: expected one number with the color \"gray\", got 3" },
        { "preprocess.scale", "0", "preprocess.scale: expected a positive number" },
        { "preprocess.scale", null, "preprocess.scale: expected a positive number" },
        { "preprocess.normalize", "\"image_max\"", "preprocess.scale: expected no scale with the normalize \"image_max\"" },
        { "preprocess.normalize", "\"max\"", "one of none, image_max" },
        { "preprocess.pad.value", "\"black\"", "expected \"mean\", \"zero\", a number of 0 to 255" },
        { "preprocess.pad.value", "256", "expected \"mean\", \"zero\", a number of 0 to 255" },
        { "preprocess.pad.value", "[]", "expected \"mean\", \"zero\", a number of 0 to 255" },
        { "preprocess.pad.value", "[1, \"2\", 3]", "preprocess.pad.value" },
        { "preprocess.pad.value", "[1, 2]", "preprocess.pad.value: expected one number, or one for each channel (3), got 2" },
        { "preprocess.color", "\"YUV\"", "preprocess.color" },
        { "preprocess.color", "\"YUV\"", "one of rgb, bgr, gray" },
        { "preprocess.resize.mode", "\"squash\"", "one of none, short_side, long_side, exact, long_side_pad" },
        { "preprocess.resize.size", "null", "preprocess.resize.size: expected the length of the side" },
        { "preprocess.resize.size", "[520, 520]", "preprocess.resize.size: expected the length of the side" },
        { "preprocess.resize.antialias", "1", "preprocess.resize.antialias" },
        { "preprocess.resize.antialias", "1", "true or false" },
        { "preprocess.size.multiple", "0", "preprocess.size.multiple: expected 1 to 1024" },
        { "preprocess.size.multiple", "1.5", "a whole number" },
        { "preprocess.size.offset", "2", "preprocess.size.offset" },
        { "preprocess.size.fixed", "[512]", "preprocess.size.fixed: expected [height, width]" },
        { "preprocess.size.fixed", "[]", "preprocess.size.fixed: expected [height, width]" },
        { "graph.output_border", "[]", "graph.output_border: expected a number of pixels, or [rows, columns]" },
        { "inference.crop", "[]", "inference.crop: expected [height, width] or one side" },
        { "preprocess.size.fixed", "[512, 512]", "preprocess.resize: expected the mode \"exact\" of 512×512" },
        { "graph.output_kind", "\"mask\"", "one of logits, probabilities, labels, binary_logit" },
        { "graph.layout", "\"NWHC\"", "graph.layout: expected one of NCHW, NHWC, CHW, HWC" },
        { "graph.max_batch", "0", "graph.max_batch: expected 1 to 1024" },
        { "graph.extra_inputs", "[{\"name\": \"rows\"}]", "graph.extra_inputs" },
        { "inference.mode", "\"tiles\"", "one of whole, slide" },
        { "inference.crop", "[0, 512]", "inference.crop: expected [height, width]" },
        { "inference.stride_rate", "1.5", "inference.stride_rate: expected a share" },
        { "inference.scales", "[]", "inference.scales: expected at least one" },
        { "inference.scales", "[0]", "inference.scales" },
        { "inference.halo", "256", "inference.halo: expected 0 or more, and less than half of the crop" },
        { "inference.blend", "\"sharp\"", "one of uniform, hann, gaussian" },
        { "inference.fuse", "\"vote\"", "one of mean_softmax, sum_logits, max_logits" },
        { "postprocess.activation", "\"sigmoid\"", "postprocess.activation: expected \"softmax\"" },
        { "postprocess.threshold", "1", "postprocess.threshold" },
        { "postprocess.threshold", "\"high\"", "postprocess.threshold" },
        { "postprocess.threshold", "\"high\"", "expected a number, or a list with a number for each class" },
        { "postprocess.threshold", "[0.3, 0.5]", "postprocess.threshold: expected one number, or with a multilabel output" },
        { "postprocess.nodata_label", "256", "postprocess.nodata_label: expected 0 to 255" },
        { "postprocess.nodata_label", "-1", "postprocess.nodata_label: expected 0 to 255" },
        { "postprocess.none", "\"void\"", "postprocess.none: expected no such key: only with a multilabel output" },
        { "postprocess.temperature", "0", "postprocess.temperature: expected 0.05 to 20" },
        { "classes.names", "[\"road\"]", "classes.names: expected 2 to 65535 names, got 1" },
        { "classes.names", "[\"road\", \"road\"]", "'road' stands twice" },
        {
            "classes.palette", "\"rainbow\"",
            "classes.palette: expected a built-in palette (voc, cityscapes, camvid, ade20k), got 'rainbow'"
        },
        { "classes.palette", "[\"#000000\"]", "classes.palette: expected 2 colours, one for each class, got 1" },
        { "classes.palette", "[\"#000000\", \"red\"]", "classes.palette: expected colours as #rrggbb, got 'red'" },
        { "classes.palette", "null", "classes.palette: expected a palette's name" },
        { "classes.ignore", "256", "classes.ignore: expected 0 to 255" },
        { "classes.values", "[0]", "classes.values: expected one value for each class" },
        { "cost.at", "[520]", "cost.at: expected [height, width]" },
        { "cost.at", "[2147483647, 2147483647]", "cost.at: expected [height, width]" },
        // Found by fuzzing: three gigabytes for any image.
        { "preprocess.size.min", "16384", "preprocess.resize.max_pixels: expected at least half of size.min × size.min" },
        {
            "preprocess.resize",
            """{"mode": "exact", "size": [16384, 16384], "filter": "bilinear", "antialias": true}""",
            "preprocess.resize.max_pixels: expected at least half of size × size"
        },
        {
            "preprocess.resize",
            """{"mode": "long_side_pad", "size": 16384, "filter": "bilinear", "antialias": true}""",
            "preprocess.resize.max_pixels: expected at least half of size × size"
        },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void Read_WrongValue_NamesFileKeyAndExpectation(string key, string? value, string expected)
    {
        JsonNode root = JsonNode.Parse(Complete)!;
        string[] path = key.Split('.');
        JsonObject parent = path[..^1].Aggregate(root, (node, name) => node[name]!).AsObject();
        parent.Remove(path[^1]);
        if (value is not null)
        {
            parent[path[^1]] = JsonNode.Parse(value);
        }

        ManifestException e = Assert.Throws<ManifestException>(() => Read(root.ToJsonString()));

        Assert.StartsWith("road/model.json: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    // A mask has a byte for each pixel, or two with more than 256 classes.
    [Theory]
    [InlineData(256, 255, null)]
    [InlineData(256, 256, "postprocess.nodata_label: expected 0 to 255")]
    [InlineData(257, 256, null)]
    [InlineData(257, 65535, null)]
    [InlineData(257, 65536, "postprocess.nodata_label: expected 0 to 65535")]
    public void Read_NodataLabel_FitsThePixelsOfTheMask(int classes, int label, string? error)
    {
        JsonNode root = JsonNode.Parse(Complete)!;
        root["postprocess"] = new JsonObject { ["nodata_label"] = label };
        root["classes"] = new JsonObject
        {
            ["names"] = new JsonArray([.. Enumerable.Range(0, classes).Select(i => JsonValue.Create($"class {i}"))]),
            ["palette"] = "voc",
        };
        string text = root.ToJsonString();
        if (error is null)
        {
            Assert.Equal(label, Read(text).Postprocess.NodataLabel);
            return;
        }

        Assert.Contains(error, Assert.Throws<ManifestException>(() => Read(text)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"threshold": 0.25}""", "")]
    [InlineData("""{"threshold": [0.25, 0.5], "none": "background"}""", "")]
    [InlineData("""{"threshold": [0.25, 0.5, 0.5]}""", "postprocess.threshold: expected one number, or with a multilabel output")]
    [InlineData("""{"threshold": [0.25, 1]}""", "postprocess.threshold: expected a probability between 0 and 1")]
    [InlineData("""{"none": " "}""", "postprocess.none: expected a name, found an empty one")]
    [InlineData("""{"activation": "softmax"}""", "postprocess.activation: expected \"sigmoid\"")]
    [InlineData("""{"crf": {"default": true}}""", "postprocess.crf.default: expected false: its classes may overlap")]
    public void Read_Multilabel_ChecksItsOwnKeys(string postprocess, string error)
    {
        JsonNode root = JsonNode.Parse(Complete.Replace("\"logits\", \"output_stride\"", "\"multilabel_logits\", \"output_stride\""))!;
        root["postprocess"] = JsonNode.Parse(postprocess);
        string text = root.ToJsonString();
        if (error.Length > 0)
        {
            Assert.Contains(error, Assert.Throws<ManifestException>(() => Read(text)).Message, StringComparison.Ordinal);
            return;
        }

        JsonNode written = JsonNode.Parse(ManifestReader.Write(Read(text)))!["postprocess"]!["threshold"]!;
        Assert.True(JsonNode.DeepEquals(root["postprocess"]!["threshold"], written), written.ToJsonString());
    }

    [Fact]
    public void Read_MultilabelWhoseVoidLabelIsAClass_IsRefused() => Assert.Contains(
        "classes.ignore: expected a label that is no class", Assert.Throws<ManifestException>(() => Read(
            Complete.Replace("\"logits\", \"output_stride\"", "\"multilabel_logits\", \"output_stride\"")
                .Replace("\"softmax\", \"resize\"", "\"sigmoid\", \"resize\"")
                .Replace("\"ignore\": 255", "\"ignore\": 1"))).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("\"mean\"", null)]
    [InlineData("\"zero\"", 0f)]
    [InlineData("114", 114f)]
    [InlineData("[124, 116.5, 104]", 124f)]
    public void Write_PadValue_IsWhatWasRead(string value, float? first)
    {
        ModelManifest manifest = Read(Complete.Replace("\"value\": \"mean\"", $"\"value\": {value}"));

        JsonNode written = JsonNode.Parse(ManifestReader.Write(manifest))!["preprocess"]!["pad"]!["value"]!;

        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(value), written), written.ToJsonString());
        Assert.Equal(first, manifest.Preprocess.Pad.Value.At(0));
    }

    [Fact]
    public void Read_ImageMax_NeedsNoScale()
    {
        ModelManifest manifest = Read(Complete.Replace("\"scale\": 0.00392156862745098", "\"normalize\": \"image_max\""));

        Assert.Equal((PixelNormalization.ImageMax, null), (manifest.Preprocess.Normalize, manifest.Preprocess.Scale));
    }

    [Fact]
    public void Read_SeveralWrongValues_ReportsAllOfThem()
    {
        ManifestException e = Assert.Throws<ManifestException>(() =>
            Read(Complete.Replace("\"schema\": 1", "\"schema\": 7").Replace("\"ignore\": 255", "\"ignore\": -1")));
        Assert.Equal(2, e.Errors.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("not json")]
    public void Read_NoManifestAtAll_SaysSo(string text) => Assert.Throws<ManifestException>(() => Read(text));

    [Fact]
    public void Read_TooLargeAFile_SaysSoAndReadsNothing() =>
        Assert.Contains(
            "at most 4,194,304", Assert.Throws<ManifestException>(() => Read(new string(' ', (1 << 22) + 1))).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(20)]
    [InlineData(100_000)] // which would end a reader that calls itself
    public void Read_TooDeepAFile_IsRefused(int depth) =>
        Assert.Throws<ManifestException>(() => Read("{\"schema\": " + new string('[', depth)));

    [Fact]
    public void Read_MissingFile_SaysHowToGetOne()
    {
        ManifestException e = Assert.Throws<ManifestException>(() => ManifestReader.Read(Directory.CreateDirectory(_folder).FullName));
        Assert.Contains("inference-server inspect", e.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);

    private ModelManifest Read(string text)
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(Path.Combine(_folder, "model.json"), text);
        return ManifestReader.Read(_folder);
    }
}
