using InferenceServer.Runtime.Adaptation;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Inspection;

public sealed class ModelInspectorTests
{
    private readonly ModelInspector _inspector =
        new(
            new SessionFactory(
                Options.Create(new OnnxOptions { IntraOpThreads = 1 }), Options.Create(new SchedulingOptions()),
                NullLogger<SessionFactory>.Instance));

    [Theory]
    [InlineData("tiny", nameof(OutputKind.Logits), 4, 3)]
    [InlineData("tiny-stride8", nameof(OutputKind.Logits), 8, 3)]
    [InlineData("tiny-labels", nameof(OutputKind.Labels), 1, 1)]
    [InlineData("tiny-binary", nameof(OutputKind.BinaryLogit), 4, 1)]
    [InlineData("tiny-probabilities", nameof(OutputKind.Probabilities), 4, 3)]
    public void Inspect_DynamicGraph_FindsStrideChannelsAndKind(string model, string kind, int stride, int channels)
    {
        ModelInspection inspection = Inspect(model);

        Assert.Equal(
            (Enum.Parse<OutputKind>(kind), stride, 1, channels),
            (inspection.Kind, inspection.OutputStride, inspection.OutputScale, inspection.Channels));
        Assert.True(inspection.Batches);
        Assert.Null(inspection.Fixed);
        Assert.Equal(1, inspection.Rule!.Multiple);
    }

    [Fact]
    public void Inspect_StaticGraph_FindsItsOnlySize()
    {
        ModelInspection inspection = Inspect("tiny-fixed");

        Assert.Equal(new ImageSize(64, 64), inspection.Fixed);
        Assert.Empty(inspection.Rules);
        Assert.Null(inspection.Rule);
        Assert.False(inspection.Batches);
    }

    [Fact]
    public void Inspect_NaN_IsMentioned() =>
        Assert.Contains(Inspect("tiny-nan").Assumptions, assumption => assumption.Contains("NaN", StringComparison.Ordinal));

    [Fact]
    public void Describe_TinyModel_TellsWhatTheFileSays()
    {
        GraphDescription graph = GraphDescription.Read(GraphOf("tiny"));

        Assert.Equal(16, graph.Opset);
        Assert.Equal("make_tiny_models.py", graph.Producer);
        Assert.Equal("input: float32 [?, 3, ?, ?]", graph.Signature.Inputs.Single().ToString());
    }

    private ModelInspection Inspect(string model) =>
        _inspector.Inspect(GraphOf(model), GraphDescription.Read(GraphOf(model)).Signature, CancellationToken.None);

    private static string GraphOf(string model) => Path.Combine(Assets.Models, model, "1", "model.onnx");
}
