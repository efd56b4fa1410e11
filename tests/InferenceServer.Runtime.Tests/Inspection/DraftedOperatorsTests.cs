using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Tests.Adaptation;
using InferenceServer.Runtime.Tests.Models;
using OnnxGraph;

namespace InferenceServer.Runtime.Tests.Inspection;

/// <summary>Drafts of graphs whose first and last operators exporters write in other ways.</summary>
public sealed class DraftedOperatorsTests : IDisposable
{
    private const int Opset = 17;
    private readonly ModelsFolder _models = new();
    private readonly TestRuntime _runtime = new(Assets.Models);

    public void Dispose()
    {
        _runtime.Dispose();
        _models.Dispose();
    }

    [Theory]
    [InlineData("act_logit1", "sigmoid of exponentials", OutputKind.BinaryProbability, true)]
    [InlineData("act_logit1", "mean of sigmoids", OutputKind.BinaryProbability, true)]
    [InlineData("act_logit1", "clip", OutputKind.BinaryProbability, true)]
    [InlineData("act_logit1", "scaled logit", OutputKind.BinaryLogit, false)]
    [InlineData("act_logit1", "where", OutputKind.BinaryMask, false)]
    [InlineData("act_logit1", "comparison", OutputKind.BinaryMask, false)]
    [InlineData("act_logit1", "comparison times 255", OutputKind.BinaryMask, false)]
    [InlineData("base_nchw_f32", "softmax of exponentials", OutputKind.Probabilities, true)]
    [InlineData("base_nchw_f32", "log of softmax", OutputKind.Logits, false)]
    [InlineData("base_nchw_f32", "quantised softmax", OutputKind.Probabilities, false)]
    [InlineData("base_nchw_f32", "one channel for each label", OutputKind.Probabilities, true)]
    [InlineData("base_nchw_f32", "labels from a table", OutputKind.Labels, true)]
    [InlineData("base_nchw_f32", "mean of softmaxes", OutputKind.Probabilities, true)]
    public void Inspect_LastOperators_TellTheKindOrItIsAGuess(string form, string end, object kind, bool isGuess)
    {
        string file = Ending(form, end);

        ModelInspection inspection = Inspect(file);

        Assert.Equal((OutputKind)kind, inspection.Manifest.Graph.OutputKind);
        DraftNote note = inspection.Notes.First(note => note.Key == "graph.output_kind");
        Assert.Equal(isGuess, note.Kind == DraftNoteKind.Assumed);
    }

    [Theory]
    [InlineData("pool", "expected scores or labels of pixels")]
    [InlineData("colours from a table", "coloured mask")]
    public void Inspect_NoMaskOfClasses_IsRefused(string end, string reason)
    {
        string file = Ending("base_nchw_f32", end);

        Assert.Contains(reason, Assert.Throws<ManifestException>(() => Inspect(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(12)]
    [InlineData(20)]
    [InlineData(28)]
    [InlineData(56)]
    [InlineData(128)]
    public void Inspect_BlocksOfPixels_DraftTheirMultiple(int block)
    {
        string file = Edit("base_nchw_f32", (graph, writer) =>
        {
            OnnxAttribute size = OnnxAttribute.Of("blocksize", block);
            return writer.Add("DepthToSpace", [writer.Add("SpaceToDepth", ["input"], size)], size);
        });

        SizeManifest size = Inspect(file).Manifest.Preprocess.Size;

        Assert.Equal(block, size.Multiple);
        Assert.True(size.Min % block == 0 && size.Min >= 32);
    }

    [Theory]
    [InlineData(new long[] { 1, 3, 512, -1 }, new long[] { 1, 3, 512, 1024 })]
    [InlineData(new long[] { -1, 3, -1, -1 }, new long[] { 1, 3, 300, 444 })]
    public void Inspect_SizeInAConstant_IsTheOnlySize(long[] declared, long[] baked)
    {
        string file = Edit("base_nchw_f32", (graph, writer) =>
        {
            graph.Inputs[0].Shape = [.. declared.Select(side => new Dimension(side < 0 ? null : side, null))];
            return writer.Add("Reshape", ["input", writer.Constant(baked)]);
        });

        ModelInspection inspection = Inspect(file);

        Assert.Equal(baked[2..], inspection.Manifest.Preprocess.Size.Fixed!.Select(side => (long)side));
        DraftNote note = Assert.Single(inspection.Notes, note => note.Key == "preprocess.size");
        Assert.Equal(DraftNoteKind.Assumed, note.Kind);
    }

    [Theory]
    [InlineData("scale_factor", true)]
    [InlineData("im_shape", true)]
    [InlineData("prompt", false)]
    public void Inspect_FurtherInput_IsKnownByItsNameOrRefused(string name, bool isKnown)
    {
        string file = Edit("base_nchw_f32", (graph, writer) =>
        {
            graph.Inputs.Add(new ValueInfo(name, ElementType.Float32, [new Dimension(1, null), new Dimension(2, null)]));
            string zero = writer.Add("Mul", [writer.Add("ReduceMean", [name]), writer.Scalar(0)]);
            return writer.Add("Add", ["input", zero]);
        });

        if (isKnown)
        {
            Assert.Equal([name], Inspect(file).Manifest.Graph.Inputs!.Keys);
            return;
        }

        ManifestException refusal = Assert.Throws<ManifestException>(() => Inspect(file));
        Assert.Contains("further input whose value is not known: prompt", refusal.Message, StringComparison.Ordinal);
    }

    private ModelInspection Inspect(string file) =>
        _runtime.Get<ModelInspector>().Inspect(file, new InspectionRequest(), CancellationToken.None);

    /// <summary>A form with nodes between its image input and its first node.</summary>
    private string Edit(string form, Func<Graph, NodeWriter, string> front)
    {
        string file = new ExporterForm(form).CopyTo(_models, manifest: null);
        using OnnxModel model = OnnxModel.Open(file);
        Graph graph = model.Graph;
        NodeWriter writer = new(graph, Opset);
        Node first = graph.Consumers("input").Single();
        first.Inputs[0] = front(graph, writer);
        Insert(graph, writer, 0);
        model.Save(file);
        return file;
    }

    /// <summary>A form with nodes between its scores and its output.</summary>
    private string Ending(string form, string end)
    {
        string file = new ExporterForm(form).CopyTo(_models, manifest: null);
        using OnnxModel model = OnnxModel.Open(file);
        Graph graph = model.Graph;
        NodeWriter writer = new(graph, Opset);
        Node last = graph.Producer("logits")!;
        (string y, ElementType type, int? channels) = End(writer, last.Inputs[0], end);
        last.Inputs[0] = y;
        Dimension[] shape = [new(null, "N"), new(channels, "c"), new(null, "h"), new(null, "w")];
        graph.Outputs[0].Type = type;
        graph.Outputs[0].Shape = channels == 0 ? [shape[0], shape[2], shape[3]] : shape;
        Insert(graph, writer, graph.Nodes.Count - 1);
        model.Save(file);
        return file;
    }

    private static void Insert(Graph graph, NodeWriter writer, int at)
    {
        foreach (Node node in writer.Nodes)
        {
            graph.Nodes.Insert(at++, node);
        }
    }

    private static (string Value, ElementType Type, int? Channels) End(NodeWriter w, string x, string end)
    {
        OnnxAttribute axis = OnnxAttribute.Of("axis", 1);
        switch (end)
        {
            case "sigmoid of exponentials":
                string exponential = w.Add("Exp", [w.Add("Neg", [x])]);
                return (w.Add("Reciprocal", [w.Add("Add", [exponential, w.Scalar(1)])]), ElementType.Float32, 1);
            case "mean of sigmoids":
                return (Mean(w.Add("Sigmoid", [x])), ElementType.Float32, 1);
            case "mean of softmaxes":
                return (Mean(w.Add("Softmax", [x], axis)), ElementType.Float32, 5);
            case "clip":
                return (w.Add("Clip", [x, w.Scalar(0), w.Scalar(1)]), ElementType.Float32, 1);
            case "scaled logit":
                return (w.Add("Mul", [x, w.Scalar(0.01f)]), ElementType.Float32, 1);
            case "where":
                return (w.Add("Where", [Above(x), w.Scalar(1), w.Scalar(0)]), ElementType.Float32, 1);
            case "comparison":
                return (Above(x), ElementType.Bool, 1);
            case "comparison times 255":
                string mask = w.Add("Mul", [w.Cast(Above(x), ElementType.Float32), w.Scalar(255)]);
                return (w.Cast(mask, ElementType.UInt8), ElementType.UInt8, 1);
            case "softmax of exponentials":
                string powers = w.Add("Exp", [x]);
                return (w.Add("Div", [powers, w.Add("ReduceSum", [powers, w.Constant(1)])]), ElementType.Float32, 5);
            case "log of softmax":
                return (w.Add("LogSoftmax", [x], axis), ElementType.Float32, 5);
            case "quantised softmax":
                string probabilities = w.Add("Softmax", [x], axis);
                return (w.Add("QuantizeLinear", [probabilities, w.Scalar(1f / 255)]), ElementType.UInt8, 5);
            case "one channel for each label":
                string largest = w.Add("ReduceMax", [x], OnnxAttribute.Of("axes", [1L]));
                return (w.Cast(w.Add("Equal", [x, largest]), ElementType.Float32), ElementType.Float32, 5);
            case "labels from a table":
                return (w.Add("Gather", [w.Constant(7, 0, 2, 3, 1), Labels()]), ElementType.Int64, 0);
            case "colours from a table":
                string colours = w.Add("Reshape", [w.Constant([.. Enumerable.Range(0, 15)]), w.Constant(5, 3)]);
                string image = w.Add("Gather", [w.Add("Identity", [colours]), Labels()]);
                return (w.Cast(w.Transpose(image, 0, 3, 1, 2), ElementType.UInt8), ElementType.UInt8, 3);
            default:
                return (w.Add("GlobalAveragePool", [x]), ElementType.Float32, 5);
        }

        string Mean(string y) => w.Add("Mul", [w.Add("Add", [y, y]), w.Scalar(0.5f)]);
        string Above(string y) => w.Add("Greater", [y, w.Scalar(0)]);
        string Labels() => w.Add("ArgMax", [x], axis, OnnxAttribute.Of("keepdims", 0));
    }
}
