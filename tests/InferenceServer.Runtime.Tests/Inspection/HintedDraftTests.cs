using InferenceServer.Runtime.Adaptation;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Inspection;

public sealed class HintedDraftTests
{
    private readonly ExporterHints _hints = new();

    [Fact]
    public void Create_NoHints_IsTheDraft()
    {
        ModelInspection inspection = Inspection(classes: 3);

        HintedDraft hinted = HintedDraft.Create(Draft(inspection), _hints, inspection);

        Assert.Equal(ManifestReader.Write(Draft(inspection)), ManifestReader.Write(hinted.Manifest));
        Assert.Empty(hinted.Origins);
        Assert.Empty(hinted.Notes);
    }

    [Fact]
    public void Create_AllHints_FillsTheKeysAndNamesTheirSources()
    {
        ModelInspection inspection = Inspection(classes: 2);
        _hints.OfferNames(["road", "sky"], "A");
        _hints.OfferPalette(["#000000", "#00ff00"], "A");
        _hints.OfferColor(ChannelOrder.Bgr, "B");
        _hints.OfferNormalization(1, [127.5f], [127.5f], "C");
        _hints.OfferResize(new ResizeHint(ResizeMode.ShortSide, [520], ResizeFilter.Bicubic, Antialias: false), "D");
        _hints.OfferSize(new SizeHint(null, 32, 0, 64), "E");
        _hints.OfferPad(new PadHint(PadPosition.Center, 114), "F");
        _hints.OfferTileSize(512, "G");
        _hints.OfferTileOverlap(0.25, "H");

        HintedDraft hinted = HintedDraft.Create(Draft(inspection), _hints, inspection);

        PreprocessManifest preprocess = hinted.Manifest.Preprocess;
        Assert.Equal(["road", "sky"], hinted.Manifest.Classes.Names);
        Assert.Equal(["#000000", "#00ff00"], hinted.Manifest.Classes.Palette);
        Assert.Equal(ChannelOrder.Bgr, preprocess.Color);
        Assert.Equal([127.5f, 127.5f, 127.5f], preprocess.Mean);
        Assert.Equal(1, preprocess.Scale);
        Assert.Equal(ResizeMode.ShortSide, preprocess.Resize.Mode);
        Assert.Equal([520], preprocess.Resize.Size);
        Assert.Equal((32, 64), (preprocess.Size.Multiple, preprocess.Size.Min));
        Assert.Equal([114f], preprocess.Pad.Value.Steps);
        Assert.Equal(InferenceMode.Slide, hinted.Manifest.Inference.Mode);
        Assert.Equal(0.75, hinted.Manifest.Inference.StrideRate);
        Assert.Equal(9, hinted.Origins.Count);
        Assert.Contains("classes.names: from A", hinted.Origins);
        string assumption = Assert.Single(hinted.Remaining(ManifestDraft.Assumptions(3)));
        Assert.StartsWith("postprocess.align_corners", assumption, StringComparison.Ordinal);
        Assert.Empty(hinted.Notes);
    }

    [Theory]
    [InlineData(4, OutputKind.Logits, 4)]
    [InlineData(3, OutputKind.Logits, 4)]
    [InlineData(9, OutputKind.Labels, 9)]
    [InlineData(9, OutputKind.Logits, 0)]
    [InlineData(2, OutputKind.Labels, 0)]
    public void Create_NamesForFourClasses_AreTakenWhereTheCountsFit(int count, object kind, int expected)
    {
        ModelInspection inspection = Inspection(classes: 4, (OutputKind)kind);
        _hints.OfferNames([.. Enumerable.Range(0, count).Select(i => $"name {i}")], "config.json: id2label");

        HintedDraft hinted = HintedDraft.Create(Draft(inspection), _hints, inspection);

        Assert.Equal(expected > 0, hinted.Origins.Count > 0);
        Assert.Equal(Math.Max(expected, 4), hinted.Manifest.Classes.Names!.Count);
        Assert.Equal(count != expected, hinted.Notes.Count > 0);
    }

    [Theory]
    [InlineData(ResizeMode.LongSide, null, true, new[] { 256 })]
    [InlineData(ResizeMode.Exact, null, true, new[] { 256, 320 })]
    [InlineData(ResizeMode.Exact, new[] { 512, 512 }, false, new[] { 256, 320 })]
    [InlineData(ResizeMode.ShortSide, new[] { 256 }, false, new[] { 256, 320 })]
    public void Create_ResizeForAGraphOfOneSize_IsTakenWhereItFits(object mode, int[]? size, bool taken, int[] expected)
    {
        ModelInspection inspection = Inspection(classes: 2) with { Fixed = new ImageSize(320, 256), Rules = [] };
        _hints.OfferResize(new ResizeHint((ResizeMode)mode, size, null, null), "deploy.yaml: Deploy.transforms Resize");

        HintedDraft hinted = HintedDraft.Create(Draft(inspection), _hints, inspection);

        Assert.Equal(taken, hinted.Origins.Count == 1);
        Assert.Equal(!taken, hinted.Notes.Count == 1);
        Assert.Equal(expected, hinted.Manifest.Preprocess.Resize.Size);
    }

    [Fact]
    public void Create_KindOfAHintAgainstTheTrial_TakesTheTrialAndNotesBoth()
    {
        ModelInspection inspection = Inspection(classes: 2, OutputKind.Probabilities);
        _hints.OfferOutputKind(OutputKind.Logits, "config.json: architectures");

        HintedDraft hinted = HintedDraft.Create(Draft(inspection), _hints, inspection);

        Assert.Equal(OutputKind.Probabilities, hinted.Manifest.Graph.OutputKind);
        Assert.Contains("the trial runs show Probabilities", Assert.Single(hinted.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Create_MeansOfAnotherNumberOfChannels_AreANote()
    {
        ModelInspection inspection = Inspection(classes: 2) with { InputChannels = 1 };
        _hints.OfferNormalization(1, [1, 2, 3], [1, 1, 1], "rdf.yaml: inputs.preprocessing");

        HintedDraft hinted = HintedDraft.Create(Draft(inspection), _hints, inspection);

        Assert.Equal([0f], hinted.Manifest.Preprocess.Mean);
        Assert.Contains("3 means", Assert.Single(hinted.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Create_HintsThatMakeNoLegalManifest_LeavesThemOut()
    {
        ModelInspection inspection = Inspection(classes: 2);
        _hints.OfferResize(new ResizeHint(ResizeMode.Exact, [16000, 16000], null, null), "model.onnx.json: input_height");

        HintedDraft hinted = HintedDraft.Create(Draft(inspection), _hints, inspection);

        Assert.Equal(ResizeMode.None, hinted.Manifest.Preprocess.Resize.Mode);
        Assert.Empty(hinted.Origins);
        Assert.Contains("makes no legal manifest", Assert.Single(hinted.Notes), StringComparison.Ordinal);
    }

    private static ModelInspection Inspection(int classes, OutputKind kind = OutputKind.Logits) => new()
    {
        Input = "input",
        InputChannels = 3,
        Output = "output",
        Rules = [new SizeRule(1, 0, [new ImageSize(65, 33)], Works: true)],
        Smallest = new ImageSize(32, 32),
        Batches = true,
        OutputStride = 1,
        OutputScale = 1,
        Channels = classes,
        Classes = classes,
        Kind = kind,
        Assumptions = [],
    };

    private static ModelManifest Draft(ModelInspection inspection)
    {
        string file = Path.Combine(Assets.Models, "tiny", "1", "model.onnx");
        return ManifestDraft.Create(file, "tiny", Graph(inspection), inspection);
    }

    private static GraphDescription Graph(ModelInspection inspection) =>
        new(new GraphSignature([], []), "test", 17, new Dictionary<string, string>());
}
