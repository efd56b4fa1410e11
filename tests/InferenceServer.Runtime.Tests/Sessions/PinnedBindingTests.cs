using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Tests.Sessions;

/// <summary>On ordinary memory, which needs no GPU and takes the same calls.</summary>
public sealed class PinnedBindingTests : IDisposable
{
    private readonly OnnxModelSession _plain = Open(bind: false);
    private readonly OnnxModelSession _bound = Open(bind: true);

    public void Dispose()
    {
        _plain.Dispose();
        _bound.Dispose();
    }

    [Theory]
    [InlineData(1, 16, 8)]
    [InlineData(2, 16, 8)]
    [InlineData(3, 64, 48)]
    public void Run_AnyShape_EqualsTheUnboundRun(int batch, int width, int height)
    {
        for (int seed = 0; seed < 3; seed++)
        {
            using InputTensor input = Noise(batch, width, height, seed);
            using ModelOutput expected = _plain.Run(input, CancellationToken.None);
            using ModelOutput actual = _bound.Run(input, CancellationToken.None);
            Assert.Equal(expected.Shape, actual.Shape);
            Assert.Equal(expected.Scores(batch - 1).ToArray(), actual.Scores(batch - 1).ToArray());
        }
    }

    [Fact]
    public void Run_WhileAnEarlierOutputIsRead_LeavesItAlone()
    {
        using InputTensor first = Noise(1, 32, 32, seed: 1);
        using InputTensor second = Noise(1, 32, 32, seed: 2);
        using ModelOutput kept = _bound.Run(first, CancellationToken.None);
        float[] scores = kept.Scores().ToArray();

        using ModelOutput other = _bound.Run(second, CancellationToken.None);

        Assert.Equal(scores, kept.Scores().ToArray());
        Assert.NotEqual(scores, other.Scores().ToArray());
    }

    [Fact]
    public void Run_FromManyThreads_GivesEachItsOwn()
    {
        Parallel.For(0, 100, seed =>
        {
            using InputTensor input = Noise(1, 16 + (8 * (seed % 3)), 16, seed);
            using ModelOutput expected = _plain.Run(input, CancellationToken.None);
            using ModelOutput actual = _bound.Run(input, CancellationToken.None);
            Assert.Equal(expected.Scores().ToArray(), actual.Scores().ToArray());
        });
    }

    /// <summary>The network <c>tiny</c>, on the processor.</summary>
    /// <param name="bind">Whether inputs and outputs lie in bound memory.</param>
    /// <param name="pixels">Normalises packed pixels; null where inputs are normalised already.</param>
    internal static OnnxModelSession Open(bool bind, PixelNormalizer? pixels = null)
    {
        InferenceSession session = new(Path.Combine(Assets.Models, "tiny", "1", "model.onnx"));
        AdaptedGraph graph = new()
        {
            Input = session.InputNames[0],
            Output = session.OutputNames[0],
            Channels = 3,
            Kind = OutputKind.Logits,
            MaxBatch = int.MaxValue,
            Added = [],
            Source = new GraphDescription(new GraphSignature([], []), "", null, new Dictionary<string, string>()),
        };
        return new OnnxModelSession(
            session, graph, ExecutionProvider.Cpu,
            pinned: bind ? new OrtAllocator(session, OrtMemoryInfo.DefaultInstance) : null, pixels: pixels);
    }

    private static InputTensor Noise(int batch, int width, int height, int seed)
    {
        InputTensor input = new(batch, new ImageSize(width, height), TensorLayout.Float32Nchw(3));
        new Random(seed).NextSingles(input.Values.Span);
        return input;
    }
}
