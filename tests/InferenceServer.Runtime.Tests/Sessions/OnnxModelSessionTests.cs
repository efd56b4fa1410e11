using InferenceServer.Kernels;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Sessions;

public class OnnxModelSessionTests
{
    [Fact]
    public void Run_Batch_GivesEachImageItsOwnScores()
    {
        using TestRuntime runtime = new(Assets.Models);
        IModelSession session = runtime.Repository.Entry("tiny").Model!.Session;
        using InputTensor both = new(2, new ImageSize(16, 8), TensorLayout.Float32Nchw(3));
        new Random(3).NextSingles(both.Values.Span);
        int length = both.Values.Length / 2;
        using ModelOutput together = session.Run(both, CancellationToken.None);
        Assert.Equal([2, 3, 2, 4], together.Shape);
        for (int i = 0; i < 2; i++)
        {
            using InputTensor one = new(1, both.Size, TensorLayout.Float32Nchw(3));
            both.Values.Slice(i * length, length).CopyTo(one.Values);
            using ModelOutput alone = session.Run(one, CancellationToken.None);
            Assert.Equal(alone.Scores().ToArray(), together.Scores(i).ToArray());
        }
    }

    [Fact]
    public void Run_Cancelled_NeverStarts()
    {
        using TestRuntime runtime = new(Assets.Models);
        using InputTensor input = new(1, new ImageSize(16, 16), TensorLayout.Float32Nchw(3));
        Assert.ThrowsAny<OperationCanceledException>(() =>
            runtime.Repository.Entry("tiny").Model!.Session.Run(input, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Run_SizeTheGraphCannotTake_IsATypedError()
    {
        using TestRuntime runtime = new(Assets.Models);
        using InputTensor input = new(1, new ImageSize(32, 32), TensorLayout.Float32Nchw(3));
        SegmentationException e = Assert.Throws<SegmentationException>(() =>
            runtime.Repository.Entry("tiny-fixed").Model!.Session.Run(input, CancellationToken.None));
        Assert.Equal(SegmentationError.InferenceFailed, e.Error);
        Assert.Contains("1×3×32×32", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FromManyThreads_GivesTheSameResult()
    {
        using TestRuntime runtime = new(Assets.Models);
        LoadedModel model = runtime.Repository.Entry("tiny").Model!;
        using InputTensor input = new(1, new ImageSize(64, 64), TensorLayout.Float32Nchw(3));
        new Random(4).NextSingles(input.Values.Span);
        using ModelOutput expected = model.Session.Run(input, CancellationToken.None);
        float[] scores = expected.Scores().ToArray();
        Parallel.For(0, 200, _ =>
        {
            using ModelOutput output = model.Session.Run(input, CancellationToken.None);
            Assert.Equal(scores, output.Scores().ToArray());
        });
    }

    [Fact]
    public void Run_RareLargeInput_GivesMemoryBackAndTheSameResult()
    {
        using TestRuntime runtime = new(Assets.Models), keeping = new(Assets.Models, ("Onnx:ArenaShrinkage", "false"));
        using InputTensor usual = new(1, new ImageSize(16, 16), TensorLayout.Float32Nchw(3)), large = new(
            1, new ImageSize(256, 256), TensorLayout.Float32Nchw(3));
        usual.Values.Span.Clear();
        new Random(5).NextSingles(large.Values.Span);
        IModelSession session = runtime.Repository.Entry("tiny").Model!.Session;
        for (int i = 0; i < 500; i++)
        {
            session.Run(usual, CancellationToken.None).Dispose(); // until the warm-up's sizes are forgotten
        }

        long before = ArenaUsage.Shrinkages;
        using ModelOutput output = session.Run(large, CancellationToken.None);
        Assert.True(ArenaUsage.Shrinkages > before);
        using ModelOutput expected = keeping.Repository.Entry("tiny").Model!.Session.Run(large, CancellationToken.None);
        Assert.Equal(expected.Scores().ToArray(), output.Scores().ToArray());
    }
}
