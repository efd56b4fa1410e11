using System.Runtime.CompilerServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Pipeline;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Tests.Batching;

namespace InferenceServer.Runtime.Tests;

public sealed class TensorRunnerTests
{
    private const int Side = 64;
    private const long OutputElements = 3 * 17 * 17; // classes, and a grid of a quarter of each side, with one more for layers that round

    [Theory]
    [InlineData(false, OutputElements * (4 + 4))]
    [InlineData(true, OutputElements * (4 + 16))]
    public async Task RunAsync_UnderWay_HoldsTheOutputAndTheAnswerMadeOfIt(bool asText, long bytes)
    {
        using TestRuntime runtime = Runtime();
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        using FakeSession network = Network(admitted);
        network.Gate.Reset();

        Task<DisposableList<ModelOutput>> run = RunAsync(runtime, admitted, Inputs(1), asText);

        Assert.Equal((Side * Side) + (bytes / SchedulingOptions.BytesOfPixel), runtime.Get<InFlightLimits>().Pixels);
        network.Gate.Set();
        Assert.Single(await run);
    }

    [Fact]
    public async Task RunAsync_MoreThanTheServerMayHold_IsServedWhenAlone()
    {
        using TestRuntime runtime = Runtime(("Scheduling:MaxPixelsInFlight", "100"));
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        using FakeSession network = Network(admitted);
        admitted.HoldPixels(Side * Side); // as reading the tensor did

        Assert.Single(await RunAsync(runtime, admitted, Inputs(1), asText: false));
    }

    [Fact]
    public async Task RunAsync_OutputTooLarge_IsRefusedBeforeTheNetworkRuns()
    {
        using TestRuntime runtime = Runtime(("Inference:MaxBytes", "1048576"));
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        using FakeSession network = Network(admitted);

        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            RunAsync(runtime, admitted, Inputs(1, side: 640), asText: true));

        Assert.Equal(SegmentationError.TooManyPixels, e.Error);
        Assert.Empty(network.Runs);
        Assert.Single(await RunAsync(runtime, admitted, Inputs(1, side: 640), asText: false));
    }

    [Fact]
    public async Task RunAsync_SeveralImages_CountTheWaitOfTheLastAndTheRest()
    {
        using TestRuntime runtime = Runtime();
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        using FakeSession network = Network(admitted);

        Assert.Equal(3, (await RunAsync(runtime, admitted, Inputs(3), asText: false)).Count);

        Assert.True(admitted.Timings.Entered(Stage.Queue));
        Assert.Equal(Stage.Infer, admitted.Timings.Current);
    }

    [Fact]
    public async Task RunAsync_SeveralImagesThatOnlyWaited_WereLateInTheQueue()
    {
        using TestRuntime runtime = Runtime();
        using AdmittedRequest first = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        using FakeSession network = Network(first);
        network.Gate.Reset();
        Task<DisposableList<ModelOutput>> busy = runtime.Get<TensorRunner>().RunAsync(first, Inputs(1), asText: false).AsTask();
        AdmissionRequest arrival = new() { Model = "tiny", Timeout = TimeSpan.FromMilliseconds(30) };
        Assert.True(runtime.Segmenter.TryAdmit(arrival, out AdmittedRequest? late, out _));

        using (late)
        {
            SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
                RunAsync(runtime, late, Inputs(2, side: 32), asText: false));
            Assert.Equal(SegmentationError.QueueTimeout, e.Error);
        }

        Assert.False(late.Timings.Entered(Stage.Infer));
        network.Gate.Set();
        await busy;
    }

    private static TestRuntime Runtime(params (string Key, string Value)[] settings) =>
        new(Assets.Models, [("Scheduling:Instances", "1"), .. settings]);

    private static InputTensor[] Inputs(int images, int side = Side) =>
        [
            .. Enumerable.Range(0, images)
                .Select(_ => new InputTensor(1, new ImageSize(side, side), TensorLayout.Float32Nchw(3)))
        ];

    private static FakeSession Network(AdmittedRequest admitted)
    {
        FakeSession network = new();
        Session(admitted.Model.Scheduler) = network;
        return network;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_session")]
    private static extern ref IModelSession Session(BatchScheduler scheduler);

    private static async Task<DisposableList<ModelOutput>> RunAsync(
        TestRuntime runtime, AdmittedRequest admitted, InputTensor[] inputs, bool asText) =>
        await runtime.Get<TensorRunner>().RunAsync(admitted, inputs, asText);
}
