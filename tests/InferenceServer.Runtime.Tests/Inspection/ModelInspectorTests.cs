using System.Text.Json;
using System.Text.Json.Nodes;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Tests.Adaptation;
using InferenceServer.Runtime.Tests.Models;
using OnnxGraph;

namespace InferenceServer.Runtime.Tests.Inspection;

/// <summary>Drafts of what exporters give serve right, or the graph is refused with a reason.</summary>
public sealed class ModelInspectorTests : IDisposable
{
    /// <summary>Graphs that are no semantic segmentation of images, or that cannot run, with words of the
    /// reason.</summary>
    private static readonly Dictionary<string, string> Refused = new()
    {
        ["custom_ops"] = "grid_sampler of the domain mmdeploy",
        ["depth"] = "depth",
        ["ext_data_missing"] = "model.onnx.data",
        ["extensions_ops"] = "DecodeImage of the domain ai.onnx.contrib",
        ["in_3d"] = "slices",
        ["ins_list"] = "further input whose value is not known: std",
        ["ins_temperature"] = "further input whose value is not known: temperature",
        ["no_65_channels"] = "1 to 64 channels",
        ["no_batch_norm_in_training"] = "BatchNormalization in training mode",
        ["no_larger_output"] = "larger than the input by the same number of pixels",
        ["no_odd_border"] = "smaller by the same odd number",
        ["no_queries_without_batch"] = "export both with their batch axis",
        ["no_random"] = "random operator",
        ["no_sequence"] = "of the kind sequence",
        ["no_sigmoid_times_255"] = "probabilities times a number",
        ["no_strings"] = "expected numbers",
        ["no_value_for_input"] = "further input whose value is not known: temperature",
        ["nondeterministic"] = "Dropout",
        ["out_color_u8"] = "coloured mask",
        ["yolo_seg"] = "instance network",
    };

    /// <summary>Graphs that do not show what somebody who knows the model writes, with the key that the draft
    /// explains.</summary>
    private static readonly Dictionary<string, string> Unknowable = new()
    {
        ["act_multilabel_logits_nhwc"] = "graph.output_kind", // whether classes overlap
        ["grid_fixed_for_every_input"] = "preprocess.size", // images are stretched to the size of the grid
        ["no_two_readings"] = "graph.output_layout",
    };

    private readonly ModelsFolder _models = new();
    private readonly TestRuntime _runtime = new(Assets.Models);

    public static TheoryData<string> Forms => [.. ExporterForm.Names];

    public void Dispose()
    {
        _runtime.Dispose();
        _models.Dispose();
    }

    [Theory, MemberData(nameof(Forms))]
    public async Task Inspect_Form_DraftServesRightOrIsRefused(string name)
    {
        ExporterForm form = new(name);
        string file = form.CopyTo(_models, manifest: null);
        if (Refused.TryGetValue(name, out string? words))
        {
            ManifestException refusal = Assert.Throws<ManifestException>(() => Inspect(file));
            Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
            return;
        }

        ModelInspection inspection = Inspect(file);
        WriteManifest(form, inspection);
        using TestRuntime runtime = new(_models.Path);

        ModelEntry entry = Assert.Single(runtime.Repository.Entries);
        Assert.True(entry.State == ModelState.Ready, entry.Reason);
        if (form.Channels is { } channels)
        {
            Assert.Equal(channels, entry.Model!.Session.Layout.Channels);
            return;
        }

        if (Unknowable.TryGetValue(name, out string? key))
        {
            Assert.Contains(inspection.Notes, note => note.Key == key);
            return;
        }

        double agreement = form.Agreement(await runtime.Get<ISegmenter>().SegmentAsync(name, form.Image,
            MaskFormat.Raw));
        Assert.True(agreement >= form.Least, $"{agreement:F2} % of the labels are right, expected {form.Least} %");
    }

    [Theory]
    [InlineData("base_nchw_f32", "logits", 5)]
    [InlineData("act_softmax", "probabilities", 5)]
    [InlineData("act_qdq_softmax", "probabilities", 5)]
    [InlineData("act_multilabel", "multilabel_probabilities", 3)]
    [InlineData("act_logit1_small", "binary_logit", 2)]
    [InlineData("act_sigmoid1", "binary_probability", 2)]
    [InlineData("out_mask_f32_01", "binary_mask", 2)]
    [InlineData("out_mask_u8_255", "binary_mask", 2)]
    [InlineData("out_labels_f32_n1hw", "labels", 5)]
    [InlineData("outs_queries", "queries", 5)]
    [InlineData("values_0_255_binary_logit_flat", "binary_logit", 2)]
    public void Inspect_LastOperators_TellKindAndClasses(string name, string kind, int classes)
    {
        ModelManifest draft = Draft(name).Manifest;

        Assert.Equal((kind, classes), (Word(draft.Graph.OutputKind), draft.Classes.Names!.Count));
    }

    [Theory]
    [InlineData("base_nchw_f32", 1, 0, 32, null)]
    [InlineData("need_14_large", 14, 0, 42, null)]
    [InlineData("need_64_full_size", 64, 0, 64, null)]
    [InlineData("need_min_160", 1, 0, 159, null)] // at 159 the pooling has no window left, and still runs
    [InlineData("round_floor_8", 8, 0, 32, null)]
    [InlineData("round_ceil_8", 1, 0, 32, null)]
    [InlineData("stride_anisotropic", 4, 0, 32, null)]
    [InlineData("in_baked_oblong", 1, 0, 64, "64×128")]
    [InlineData("resize_fixed_end_open_input", 1, 0, 64, "64×96")]
    [InlineData("in_fixed_odd", 1, 0, 65, "65×97")]
    public void Inspect_Sizes_AreFoundByRuns(string name, int multiple, int offset, int least, string? only)
    {
        SizeManifest size = Draft(name).Manifest.Preprocess.Size;

        Assert.Equal((multiple, offset, least), (size.Multiple, size.Offset, size.Min));
        Assert.Equal(only, size.Fixed is null ? null : string.Join('×', size.Fixed));
    }

    [Theory]
    [InlineData("outs_deep_supervision", "graph.output", true)] // nothing tells the outputs apart
    [InlineData("outs_aux_out", "graph.output", false)]
    [InlineData("in_baked_oblong", "preprocess.size", true)]
    [InlineData("act_saliency_minmax", "graph.output_kind", true)]
    [InlineData("base_nchw_f32", "graph.output_kind", false)]
    [InlineData("ins_orig_size", "graph.inputs", true)]
    [InlineData("base_nchw_f32", "preprocess.mean", true)]
    [InlineData("values_gamma", "preprocess.mean", true)]
    [InlineData("in_nchw_u8", "preprocess.mean", false)]
    public void Inspect_Value_SaysWhetherItIsAGuess(string name, string key, bool isGuess)
    {
        ModelInspection inspection = Draft(name);

        DraftNote note = Assert.Single(inspection.Notes, note => note.Key == key);
        Assert.Equal(isGuess, note.Kind == DraftNoteKind.Assumed);
        Assert.Contains($"// {note.Comment}", inspection.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_PlainGraph_DraftsNoKeysThatTheServerFinds()
    {
        GraphManifest graph = Draft("base_nchw_f32").Manifest.Graph;

        Assert.Equal(8, graph.MaxBatch);
        Assert.Null(graph.Layout ?? graph.OutputLayout);
        Assert.Null(graph.OutputStride);
        Assert.Null(graph.OutputBorder);
        Assert.Null(graph.Inputs);
    }

    [Theory]
    [InlineData("valid_border", 4, 1)]
    [InlineData("grid_border_stride_2", 4, 2)]
    [InlineData("grid_border_fixed", 8, 1)]
    public void Inspect_ConvolutionsWithoutPadding_DraftsTheBorder(string name, int border, int multiple)
    {
        ModelManifest draft = Draft(name).Manifest;

        Assert.Equal([border], draft.Graph.OutputBorder!);
        Assert.Equal(multiple, draft.Preprocess.Size.Multiple);
    }

    [Theory]
    [InlineData("outs_out_aux", "aux", "aux")]
    [InlineData("depth", "predicted_depth", "predicted_depth")] // the caller knows better
    public void Inspect_NamedOutput_IsTaken(string name, string output, string expected) =>
        Assert.Equal(expected, Draft(name, new InspectionRequest { Output = output }).Manifest.Graph.Output!.Name);

    [Theory]
    [InlineData(null, "none", "--output: 'none' is no output of the graph, which has logits")]
    [InlineData("none", null, "--input: 'none' is no input of the graph, which has input")]
    public void Inspect_UnknownName_IsRefused(string? input, string? output, string reason) => Assert.Contains(
        reason,
        Assert.Throws<ManifestException>(() =>
            Draft("base_nchw_f32", new InspectionRequest { Input = input, Output = output })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Inspect_GivenClasses_AreTheNames()
    {
        string[] names = ["black", "red", "green", "blue", "yellow"];

        string file = new ExporterForm("base_nchw_f32").CopyTo(_models, manifest: null);
        Assert.Equal(names, Inspect(file, new InspectionRequest { Classes = names }).Manifest.Classes.Names);
        ManifestException refusal =
            Assert.Throws<ManifestException>(() => Inspect(file, new InspectionRequest { Classes = names[..3] }));
        Assert.Contains("expected 5 names", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_NamesInMetadata_AreTakenWithTheirSource()
    {
        ExporterForm form = new("base_nchw_f32");
        string file = form.CopyTo(_models, manifest: null);
        using (OnnxModel model = OnnxModel.Open(file))
        {
            model.Metadata["names"] = "{0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'e'}";
            model.Save(file);
        }

        ModelInspection inspection = Inspect(file);

        Assert.Equal(["a", "b", "c", "d", "e"], inspection.Manifest.Classes.Names);
        Assert.Contains("// from metadata: names", inspection.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("act_sigmoid1", "none", "binary_probability", true)] // the graph is nearer than the file
    [InlineData("act_saliency_minmax", "softmax", "binary_probability", false)]
    [InlineData("act_multilabel", "softmax", "probabilities", false)] // operators do not show exclusive classes
    [InlineData("base_nchw_f32", "softmax", "logits", true)]
    [InlineData("base_nchw_f32", "none", "logits", false)]
    public void Inspect_KindOfAFile_IsTakenWhereTheGraphDoesNotShowIt(string name, string word, string kind,
        bool isDoubtful)
    {
        string file = new ExporterForm(name).CopyTo(_models, manifest: null);
        File.WriteAllText(Path.Combine(Path.GetDirectoryName(file)!, "deploy.yaml"), $"Deploy:\n  output_op: {word}\n");

        ModelInspection inspection = Inspect(file);

        Assert.Equal(kind, Word(inspection.Manifest.Graph.OutputKind));
        Assert.Equal(isDoubtful, inspection.Notes
            .Any(note => note is { Kind: DraftNoteKind.Check, Key: "graph.output_kind" }));
    }

    [Fact]
    public void Inspect_HintsThatMakeNoLegalManifest_AreLeftOut()
    {
        string file = new ExporterForm("base_nchw_f32").CopyTo(_models, manifest: null);
        File.WriteAllText(
            Path.Combine(Path.GetDirectoryName(file)!, "preprocessor_config.json"),
            """{"do_resize": true, "size": {"height": 16000, "width": 16000}}""");

        ModelInspection inspection = Inspect(file);

        Assert.Equal(ResizeMode.None, inspection.Manifest.Preprocess.Resize.Mode);
        Assert.Contains(inspection.Notes, note =>
            note.Text.Contains("makes no legal manifest", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("boxes", "the output 'boxes' is that of a detector")]
    [InlineData("disparity", "named after a quantity (disparity)")]
    [InlineData("surface_normal", "named after a quantity (normal)")]
    public void Inspect_OutputOfAnotherTask_IsRefused(string output, string reason)
    {
        string file = new ExporterForm("base_nchw_f32").CopyTo(_models, manifest: null);
        using (OnnxModel model = OnnxModel.Open(file))
        {
            model.Graph.Producer("logits")!.Outputs[0] = output;
            model.Graph.Outputs[0].Name = output;
            model.Save(file);
        }

        Assert.Contains(reason, Assert.Throws<ManifestException>(() => Inspect(file)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Exp")]
    [InlineData("Softplus")]
    [InlineData("Relu")]
    public void Inspect_OneChannelThatEndsInAQuantity_IsRefused(string op)
    {
        string file = new ExporterForm("act_logit1").CopyTo(_models, manifest: null);
        using (OnnxModel model = OnnxModel.Open(file))
        {
            model.Graph.Producer("logits")!.OpType = op;
            model.Save(file);
        }

        string reason = Assert.Throws<ManifestException>(() => Inspect(file)).Message;

        Assert.Contains($"ends in {op}: a quantity for each pixel", reason, StringComparison.Ordinal);
        Assert.Equal(OutputKind.BinaryLogit,
            Inspect(file, new InspectionRequest { Output = "logits" }).Manifest.Graph.OutputKind);
    }

    [Fact]
    public void Inspect_NaN_IsRefused() => Assert.Contains(
        "NaN",
        Assert.Throws<ManifestException>(() =>
            Inspect(Path.Combine(Assets.Models, "tiny-nan", "1", "model.onnx"))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Read_TinyModel_TellsWhatTheFileSays()
    {
        GraphDescription graph = GraphDescription.Read(Path.Combine(Assets.Models, "tiny", "1", "model.onnx"));

        Assert.Equal(16, graph.Opset);
        Assert.Equal("make_tiny_models.py", graph.Producer);
        Assert.Equal("input: float32 [?, 3, ?, ?]", graph.Signature.Inputs.Single().ToString());
    }

    private static string Word(OutputKind kind) => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());

    // No draft can know the preprocessing, the thresholds and the names of the classes.
    private void WriteManifest(ExporterForm form, ModelInspection inspection)
    {
        JsonNode draft = JsonNode.Parse(ManifestReader.Write(inspection.Manifest))!, known = form.Manifest;
        if (form.Channels is null)
        {
            foreach (string key in (string[])["color", "normalize", "scale", "mean", "std"])
            {
                draft["preprocess"]![key] = known["preprocess"]![key]?.DeepClone();
            }
        }

        if (form.ClassNames is { } names)
        {
            draft["classes"]!["names"] = names;
        }

        if (JsonNode.DeepEquals(draft["graph"]!["output_kind"], known["graph"]!["output_kind"]))
        {
            draft["postprocess"] = known["postprocess"]?.DeepClone();
        }

        draft["warm_up"] = known["warm_up"]?.DeepClone();
        File.WriteAllText(_models.Combine(form.Name, "model.json"), draft.ToJsonString());
    }

    private ModelInspection Draft(string name, InspectionRequest? request = null) =>
        Inspect(new ExporterForm(name).CopyTo(_models, manifest: null), request);

    private ModelInspection Inspect(string file, InspectionRequest? request = null) =>
        _runtime.Get<ModelInspector>().Inspect(file, request ?? new InspectionRequest(), CancellationToken.None);
}
