using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;
using OnnxGraph;

namespace InferenceServer.Runtime.Tests.Inspection;

public sealed class ManifestDraftTests
{
    private readonly ExporterHints _hints = new();
    private readonly List<DraftNote> _notes = [];

    [Fact]
    public void Sections_NoHints_AreAssumed()
    {
        ModelManifest draft = Draft(OutputKind.Logits, classes: 3, new SizeManifest { Multiple = 1 });

        Assert.Equal([0.485f, 0.456f, 0.406f], draft.Preprocess.Mean);
        Assert.Equal(["class_0", "class_1", "class_2"], draft.Classes.Names);
        Assert.Equal(
            ["preprocess.mean", "preprocess.resize", "postprocess.align_corners", "classes.names"],
            _notes.Select(note => note.Key));
        Assert.All(_notes, note => Assert.Equal(DraftNoteKind.Assumed, note.Kind));
    }

    [Fact]
    public void Sections_AllHints_FillTheKeysAndNameTheirSources()
    {
        _hints.OfferNames(["road", "sky"], "A");
        _hints.OfferPalette(["#000000", "#00ff00"], "A");
        _hints.OfferColor(ChannelOrder.Bgr, "B");
        _hints.OfferNormalization(1, [127.5f], [127.5f], "C");
        _hints.OfferResize(new ResizeHint(ResizeMode.ShortSide, [520], ResizeFilter.Bicubic, Antialias: false), "D");
        _hints.OfferPad(new PadHint(PadPosition.Center, 114), "F");
        _hints.OfferThreshold(0.4, "G");

        ModelManifest draft = Draft(OutputKind.Logits, classes: 2, new SizeManifest { Multiple = 1 });

        Assert.Equal(["road", "sky"], draft.Classes.Names);
        Assert.Equal(["#000000", "#00ff00"], draft.Classes.Palette);
        Assert.Equal(ChannelOrder.Bgr, draft.Preprocess.Color);
        Assert.Equal([127.5f, 127.5f, 127.5f], draft.Preprocess.Mean);
        Assert.Equal(1, draft.Preprocess.Scale);
        Assert.Equal((ResizeMode.ShortSide, ResizeFilter.Bicubic),
            (draft.Preprocess.Resize.Mode, draft.Preprocess.Resize.Filter));
        Assert.Equal([520], draft.Preprocess.Resize.Size);
        Assert.Equal([114f], draft.Preprocess.Pad.Value.Steps);
        Assert.Equal([0.4f], draft.Postprocess.Threshold);
        Assert.Contains("Taken: classes.names: from A", _notes.Select(note => note.ToString()));
        DraftNote assumed = Assert.Single(_notes, note => note.Kind == DraftNoteKind.Assumed);
        Assert.Equal("postprocess.align_corners", assumed.Key);
    }

    [Fact]
    public void Inference_Tiles_AreTakenAndImagesAreNotResized()
    {
        _hints.OfferTileSize(512, "G");
        _hints.OfferTileOverlap(0.25, "H");

        ModelManifest draft = Draft(OutputKind.Logits, classes: 2,
            new SizeManifest { Multiple = 1, Fixed = [512, 512] });

        Assert.Equal(InferenceMode.Slide, draft.Inference.Mode);
        Assert.Equal([512], draft.Inference.Crop);
        Assert.Equal(0.75, draft.Inference.StrideRate);
        Assert.Equal(ResizeMode.None, draft.Preprocess.Resize.Mode);
    }

    [Theory]
    [InlineData(4, OutputKind.Logits, 4)]
    [InlineData(3, OutputKind.Logits, 4)]
    [InlineData(9, OutputKind.Labels, 9)]
    [InlineData(9, OutputKind.Logits, 0)]
    [InlineData(2, OutputKind.Labels, 0)]
    public void Classes_NamesForFourClasses_AreTakenWhereTheCountsFit(int count, object kind, int expected)
    {
        _hints.OfferNames([.. Enumerable.Range(0, count).Select(i => $"name {i}")], "config.json: id2label");

        ClassesManifest classes = new ManifestDraft(_hints, _notes).Classes((OutputKind)kind, 4, given: null);

        Assert.Equal(Math.Max(expected, 4), classes.Names!.Count);
        Assert.Equal(expected > 0, _notes.Any(note => note.ToString() == "Taken: classes.names: from config.json: " +
            "id2label"));
        Assert.Equal(count != expected, _notes.Any(note => note.Kind != DraftNoteKind.Taken));
    }

    [Theory]
    [InlineData(ResizeMode.LongSide, null, true, new[] { 256 })]
    [InlineData(ResizeMode.Exact, null, true, new[] { 256, 320 })]
    [InlineData(ResizeMode.Exact, new[] { 512, 512 }, false, new[] { 256, 320 })]
    [InlineData(ResizeMode.ShortSide, new[] { 256 }, false, new[] { 256, 320 })]
    public void Sized_ResizeForAGraphOfOneSize_IsTakenWhereItFits(object mode, int[]? size, bool taken, int[] expected)
    {
        _hints.OfferResize(new ResizeHint((ResizeMode)mode, size, null, null), "deploy.yaml: Deploy.transforms Resize");

        ModelManifest draft = Draft(OutputKind.Logits, classes: 2,
            new SizeManifest { Multiple = 1, Fixed = [256, 320] });

        Assert.Equal(taken, _notes.Any(note => note is { Kind: DraftNoteKind.Taken, Key: "preprocess.resize" }));
        Assert.Equal(!taken, _notes.Any(note => note is { Kind: DraftNoteKind.Check, Key: "preprocess.resize" }));
        Assert.Equal(expected, draft.Preprocess.Resize.Size);
    }

    [Fact]
    public void Normalization_MeansOfAnotherNumberOfChannels_AreARemark()
    {
        _hints.OfferNormalization(1, [1, 2, 3], [1, 1, 1], "rdf.yaml: inputs.preprocessing");

        PreprocessManifest values = new ManifestDraft(_hints, _notes).Normalization(1, ElementType.Float32);

        Assert.Equal([0f], values.Mean);
        DraftNote note = Assert.Single(_notes, note => note.Kind == DraftNoteKind.Check);
        Assert.Contains("3 means", note.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Notes_AreCommentsAtTheirKeysThatTheReaderSkips()
    {
        ModelManifest draft = Draft(OutputKind.Logits, classes: 2, new SizeManifest { Multiple = 1 });
        DraftNote[] notes =
        [
            new(DraftNoteKind.Taken, "preprocess.size", "found by runs"),
                new(DraftNoteKind.Assumed, "graph.output_layout", "left out"),
            new(DraftNoteKind.Check, "", "of the whole"),
        ];

        string[] lines = ManifestDraft.Write(draft, notes).Split('\n');

        Assert.Equal(["{", "  // Check: of the whole", "  \"schema\": 1,"], lines[..3]);
        Assert.Equal("    \"size\": {", lines[Array.IndexOf(lines, "    // found by runs") + 1]);
        Assert.Equal("  \"graph\": {", lines[Array.IndexOf(lines, "  // Assumed: left out") + 1]);
        ModelManifest read = ManifestReader.ReadEmbedded(string.Join('\n', lines), "draft");
        Assert.Equal(ManifestReader.Write(draft), ManifestReader.Write(read));
    }

    private ModelManifest Draft(OutputKind kind, int classes, SizeManifest size)
    {
        ManifestDraft draft = new(_hints, _notes);
        PreprocessManifest values = draft.Normalization(3, ElementType.Float32);
        InferenceManifest inference = draft.Inference(kind, size.Fixed);
        return new ModelManifest
        {
            Schema = 1,
            Graph = new GraphManifest { OutputKind = kind },
            Preprocess = draft.Sized(values, size, inference.Mode == InferenceMode.Slide),
            Inference = inference,
            Postprocess = draft.Postprocess(kind, classes),
            Classes = draft.Classes(kind, classes, given: null),
        };
    }
}
