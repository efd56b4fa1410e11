using System.Runtime.CompilerServices;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Tests.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.ML.OnnxRuntime;
using OnnxGraph;

namespace InferenceServer.Runtime.Tests.Sessions;

/// <summary>Labels that the graph itself computes behind its scores, as sessions on a GPU do; here on the processor.</summary>
public sealed class LabelOutputTests : IDisposable
{
    private const int Classes = 5;
    private readonly ModelsFolder _models = new();

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData(11)]
    [InlineData(13)]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(21)]
    public void Run_ForLabels_AreTheHighestScoresFirstClasses(int opset)
    {
        using OnnxModelSession session = Open(Copy("net", opset));
        using InputTensor input = new(2, new ImageSize(12, 8), session.Layout);
        new Random(opset).NextSingles(input.Values.Span);
        input.Values.Span[7] = float.NaN;
        input.Values.Span[9] = float.NegativeInfinity;

        using ModelOutput scores = session.Run(input, CancellationToken.None);
        using ModelOutput labels = session.Labels!.Run(input, CancellationToken.None);

        Assert.Equal([2, 8, 12], labels.Shape);
        Assert.False(labels.HasScores);
        for (int image = 0; image < 2; image++)
        {
            byte[] expected = new byte[8 * 12], found = new byte[8 * 12];
            ReadOnlySpan<float> planes = scores.Scores(image);
            ArgMax.Compute(planes, Classes, expected);
            for (int i = 0; i < planes.Length; i++)
            {
                if (float.IsNaN(planes[i]))
                {
                    expected[i % expected.Length] = byte.MaxValue; // no class
                }
            }

            labels.CopyLabels<byte>(found, byte.MaxValue, image);
            Assert.Equal(expected, found);
            Assert.DoesNotContain((byte)3, found); // the scores of class 1 once more
            Assert.Contains((byte)1, found);
            Assert.Equal(image == 0, found.Contains(byte.MaxValue));
        }
    }

    [Theory]
    [InlineData(10, "")]
    [InlineData(17, "\"output_stride\": 4")]
    [InlineData(17, "\"output_kind\": \"multilabel_logits\"")]
    public void Adapt_WhereLabelsDoNotSuffice_AddsNone(int opset, string graph)
    {
        string folder = Copy("net", opset);
        _models.EditManifest("net", "\"output_kind\": \"logits\"", graph.Length > 0 ? graph : "\"output_kind\": \"logits\"");

        Assert.Null(Adapt(folder, withLabels: true).Graph.Labels);
    }

    [Fact]
    public void Adapt_TwoClassesWithAThreshold_AddsNone()
    {
        string folder = Copy("net", opset: 17);
        AdaptationRequest request = AdaptationRequest.Of(ManifestReader.Read(folder)) with { WithLabels = true };
        using (OnnxModel model = OnnxModel.Parse(File.ReadAllBytes(GraphFile(folder))))
        {
            Resize(model, 2);
            model.Save(GraphFile(folder));
        }

        Assert.NotNull(Factory().Adapt(GraphFile(folder), request with { Classes = 2 }).Graph.Labels);
        Assert.Null(Factory().Adapt(GraphFile(folder), request with { Classes = 2, Threshold = 0.3 }).Graph.Labels);
    }

    [Fact]
    public void Adapt_OnTheProcessor_AddsNone()
    {
        (IModelSession session, AdaptedGraph graph) =
            Factory().Open(GraphFile(Copy("net", opset: 17)), AdaptationRequest.Of(ManifestReader.Read(_models.Combine("net"))));
        using (session)
        {
            Assert.Null(graph.Labels);
            Assert.Null(session.Labels);
        }
    }

    [Fact]
    public void CheckLabels_OfTheScores_KeepsThem()
    {
        using OnnxModelSession session = Open(Copy("net", opset: 17));

        Assert.True(session.CheckLabels(new ImageSize(12, 8)));
        Assert.NotNull(session.Labels);
    }

    [Fact]
    public void CheckLabels_OfOtherScores_TakesThemAway()
    {
        string folder = Copy("net", opset: 17);
        (AdaptedGraph graph, GraphSource source) = Adapt(folder, withLabels: true);
        using OnnxModel model = OnnxModel.Parse(source.Adapted!);
        // A device that finds the last of several equal scores.
        string reduced = model.Graph.Nodes.First(n => n.OpType == "ReduceMin").Outputs[0];
        model.Graph.Producer(reduced)!.OpType = "ReduceMax";
        Node candidates = model.Graph.Producer(model.Graph.Producer(reduced)!.Inputs[0])!;
        model.Graph.Initializers.Add(Tensor.Create("lowest", [], [-1f]));
        candidates.Inputs[2] = "lowest";
        using OnnxModelSession session = new(
            Factory().OpenOnCpu(source with { Adapted = model.ToBytes() }), graph, ExecutionProvider.Cpu);

        Assert.False(session.CheckLabels(new ImageSize(12, 8)));
        Assert.Null(session.Labels);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    public async Task SegmentAsync_WhereNoScoresAreAskedFor_TakesLabels(bool withConfidence, int runs)
    {
        string folder = Copy("net", opset: 17);
        using TestRuntime runtime = new(_models.Path, ("Scheduling:Instances", "1"));
        using AdmittedRequest admitted = runtime.Segmenter.Admit("net", CancellationToken.None);
        SegmentationRequest request = new() { Image = Assets.Image("rgb.png"), WithConfidence = withConfidence };
        using SegmentationResult expected = await runtime.Segmenter.SegmentAsync(admitted, request);
        using OnnxModelSession session = Open(folder);
        CountingSession network = new(session);
        Session(admitted.Model.Scheduler) = network;

        using SegmentationResult result = await runtime.Segmenter.SegmentAsync(admitted, request);

        Assert.Equal(expected.Mask.Labels.ToArray(), result.Mask.Labels.ToArray());
        Assert.Equal(expected.Mask.Confidence.ToArray(), result.Mask.Confidence.ToArray());
        Assert.Equal((1 - runs, runs), (network.Runs, ((CountingSession)network.Labels!).Runs));
    }

    [Fact]
    public async Task SegmentAsync_ImageThatIsResized_TakesScores()
    {
        string folder = Copy("net", opset: 17);
        _models.EditManifest("net", "\"mode\": \"none\"", "\"mode\": \"short_side\", \"size\": 24");
        using TestRuntime runtime = new(_models.Path, ("Scheduling:Instances", "1"));
        using AdmittedRequest admitted = runtime.Segmenter.Admit("net", CancellationToken.None);
        using OnnxModelSession session = Open(folder);
        CountingSession network = new(session);
        Session(admitted.Model.Scheduler) = network;

        (await runtime.Segmenter.SegmentAsync(admitted, new() { Image = Assets.Image("rgb.png") })).Dispose();

        Assert.Equal((1, 0), (network.Runs, ((CountingSession)network.Labels!).Runs));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RunAsync_Batch_TakesLabelsWhereTheySufficeForAll(bool all)
    {
        using OnnxModelSession session = Open(Copy("net", opset: 17));
        CountingSession network = new(session);
        BatchLimits limits = new(2, long.MaxValue, TimeSpan.FromMinutes(1));
        Backlog backlog = new(1, 2, new SchedulingOptions(), TimeProvider.System);
        BatchScheduler scheduler = new("net", network, limits, 1, backlog, TimeProvider.System);
        using InputTensor first = new(1, new ImageSize(8, 8), session.Layout), second = new(1, new ImageSize(8, 8), session.Layout);
        new Random(1).NextSingles(first.Values.Span);
        new Random(2).NextSingles(second.Values.Span);
        Assert.True(backlog.TryEnter(Priority.Interactive) && backlog.TryEnter(Priority.Interactive));

        Task<ModelOutput> one = RunAsync(first, labelsSuffice: true), other = RunAsync(second, all);
        using ModelOutput a = await one, b = await other;

        Assert.Equal(all, !a.HasScores && !b.HasScores);
        Assert.Equal(2, network.Images + ((CountingSession)network.Labels!).Images);
        if (all)
        {
            byte[] expected = new byte[64], found = new byte[64];
            using ModelOutput alone = session.Run(second, CancellationToken.None);
            ArgMax.Compute(alone.Scores(), Classes, expected);
            b.CopyLabels<byte>(found, byte.MaxValue);
            Assert.Equal(expected, found);
        }

        scheduler.Close(TimeSpan.FromSeconds(10));

        Task<ModelOutput> RunAsync(InputTensor input, bool labelsSuffice) => scheduler.RunAsync(
            input, new RunContext(Priority.Interactive, new(), LabelsSuffice: labelsSuffice), CancellationToken.None).AsTask();
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_session")]
    private static extern ref IModelSession Session(BatchScheduler scheduler);

    private static string GraphFile(string folder) => Path.Combine(folder, "1", "model.onnx");

    private static SessionFactory Factory() => new(
        Options.Create(new OnnxOptions { IntraOpThreads = 1 }),
        Options.Create(new SchedulingOptions()),
        NullLogger<SessionFactory>.Instance);

    private static (AdaptedGraph Graph, GraphSource Source) Adapt(string folder, bool withLabels) => Factory().Adapt(
        GraphFile(folder), AdaptationRequest.Of(ManifestReader.Read(folder)) with { WithLabels = withLabels });

    private static OnnxModelSession Open(string folder)
    {
        (AdaptedGraph graph, GraphSource source) = Adapt(folder, withLabels: true);
        return new OnnxModelSession(Factory().OpenOnCpu(source), graph, ExecutionProvider.Cpu);
    }

    /// <summary>A network of one 1×1 convolution, whose classes 1 and 3 always have equal scores.</summary>
    private string Copy(string name, int opset)
    {
        _models.Add("tiny", 1, name);
        string folder = _models.Combine(name);
        _models.EditManifest(name, "\"output_stride\": 4", "\"output_border\": 0");
        _models.EditManifest(name, "\"blue\"", "\"blue\", \"fourth\", \"fifth\"");
        _models.EditManifest(name, "\"#0000ff\"", "\"#0000ff\", \"#111111\", \"#222222\"");
        using OnnxModel model = OnnxModel.Parse(File.ReadAllBytes(GraphFile(folder)));
        model.Opsets[0] = new OpsetImport("", opset);
        model.IrVersion = Math.Min(model.IrVersion, 10);
        string input = model.Graph.Inputs[0].Name, output = model.Graph.Outputs[0].Name;
        model.Graph.Nodes.Clear();
        model.Graph.Initializers.Clear();
        model.Graph.Nodes.Add(new Node("Conv", [input, "weight"], [output]));
        model.Graph.Initializers.Add(Tensor.Create("weight", [Classes, 3, 1, 1], [1f, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0.4f, 0.4f, 0.1f]));
        Resize(model, Classes);
        model.Save(GraphFile(folder));
        return folder;
    }

    private static void Resize(OnnxModel model, int classes)
    {
        ValueInfo output = model.Graph.Outputs[0];
        output.Shape = [new Dimension(null, "n"), new Dimension(classes), new Dimension(null, "h"), new Dimension(null, "w")];
    }

    private sealed class CountingSession(IModelSession network) : IModelSession
    {
        private readonly CountingSession? _labels = network.Labels is { } labels ? new CountingSession(labels) : null;
        private int _runs;
        private int _images;

        public int Runs => _runs;

        public int Images => _images;

        public ExecutionProvider Provider => network.Provider;

        public GraphSignature Signature => network.Signature;

        public IModelSession? Labels => _labels;

        public TensorLayout Layout => network.Layout;

        public ModelOutput Run(InputTensor input, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _runs);
            Interlocked.Add(ref _images, input.Batch);
            return network.Run(input, cancellationToken);
        }

        public void Dispose()
        {
        }
    }
}
