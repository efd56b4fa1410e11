using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Tests.Models;

namespace InferenceServer.Runtime.Tests;

public sealed class SegmenterTests : IDisposable
{
    private readonly TestRuntime _runtime = new(Assets.Models, ("Scheduling:MaxRequests", "1"));

    [Fact]
    public void Admit_WhenFull_RefusesUntilThePlaceIsGivenUp()
    {
        AdmittedRequest first = _runtime.Segmenter.Admit("tiny", CancellationToken.None);
        SegmentationException refused = Assert.Throws<SegmentationException>(() =>
            _runtime.Segmenter.Admit("tiny", CancellationToken.None));
        Assert.Equal(SegmentationError.Overloaded, refused.Error);

        first.Dispose();
        first.Dispose();

        using AdmittedRequest second = _runtime.Segmenter.Admit("tiny", CancellationToken.None);
        Assert.Equal(1, _runtime.Get<InFlightLimits>().Requests);
    }

    [Fact]
    public void Admit_ModelThatCannotServe_TakesNoPlace()
    {
        Assert.Throws<SegmentationException>(() => _runtime.Segmenter.Admit("none", CancellationToken.None));
        Assert.Throws<SegmentationException>(() => _runtime.Segmenter.Admit("tiny-nan", CancellationToken.None));
        Assert.Equal(0, _runtime.Get<InFlightLimits>().Requests);
    }

    [Fact]
    public async Task SegmentAsync_ConfidenceOfAGraphThatEndsInLabels_IsRefused()
    {
        using AdmittedRequest admitted = _runtime.Segmenter.Admit("tiny-labels", CancellationToken.None);
        SegmentationRequest request = new() { Image = Assets.Image("rgb.png"), WithConfidence = true };
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            _runtime.Segmenter.SegmentAsync(admitted, request).AsTask());
        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
    }

    [Fact]
    public async Task RefineAsync_ProbabilitiesOfAResult_IsWhatARefinedRequestGets()
    {
        using AdmittedRequest admitted = _runtime.Segmenter.Admit("tiny", CancellationToken.None);
        SegmentationRequest request = new() { Image = Assets.Image("rgb.png"), WithImage = true, WithProbabilities = true };
        CrfOverrides wanted = new() { Iterations = 3, GaussianWeight = 2 };
        using SegmentationResult plain = await _runtime.Segmenter.SegmentAsync(admitted, request);
        byte[] before = plain.Mask.Labels.ToArray();
        float[] probabilities = plain.Mask.Probabilities.ToArray();

        using Mask refined = await _runtime.Segmenter.RefineAsync(plain, wanted, CancellationToken.None);

        SegmentationRequest whole = request with { WithProbabilities = false, Settings = new() { Refine = true, Crf = wanted } };
        using SegmentationResult expected = await _runtime.Segmenter.SegmentAsync(admitted, whole);
        Assert.True(expected.Mask.Labels.Span.SequenceEqual(refined.Labels.Span));
        Assert.Equal(before, plain.Mask.Labels.ToArray());
        Assert.Equal(probabilities, plain.Mask.Probabilities.ToArray());
        Assert.Equal(3 * plain.Mask.Size.Pixels, probabilities.Length);
    }

    [Fact]
    public async Task SegmentAsync_Temperature_DividesTheLogits()
    {
        using ModelsFolder models = new();
        models.Add("tiny", 1, "sure");
        models.Add("tiny", 1, "calm");
        models.EditManifest("calm", "\"preprocess\":", "\"postprocess\": {\"temperature\": 4}, \"preprocess\":");
        using TestRuntime runtime = new(models.Path);
        SegmentationRequest request = new() { Image = Assets.Image("rgb.png"), WithProbabilities = true };
        using AdmittedRequest first = runtime.Segmenter.Admit("sure", CancellationToken.None);
        using SegmentationResult sure = await runtime.Segmenter.SegmentAsync(first, request);
        using AdmittedRequest second = runtime.Segmenter.Admit("calm", CancellationToken.None);
        using SegmentationResult calm = await runtime.Segmenter.SegmentAsync(second, request);

        Assert.Equal(sure.Mask.Labels.ToArray(), calm.Mask.Labels.ToArray());
        float[] p = sure.Mask.Probabilities.ToArray(), q = calm.Mask.Probabilities.ToArray();
        int pixels = p.Length / 3;
        for (int i = 0; i < pixels; i++)
        {
            double[] roots = [.. Enumerable.Range(0, 3).Select(c => Math.Pow(p[(c * pixels) + i], 0.25))];
            Assert.All(Enumerable.Range(0, 3), c => Assert.Equal(roots[c] / roots.Sum(), q[(c * pixels) + i], 1e-4));
        }

        Assert.Contains(Enumerable.Range(0, p.Length), i => Math.Abs(p[i] - q[i]) > 0.01);
    }

    [Theory]
    [InlineData("tiny-labels", false)]
    [InlineData("tiny", true)]
    public async Task SegmentAsync_ProbabilitiesThatThereAreNot_IsRefused(string model, bool refine)
    {
        using AdmittedRequest admitted = _runtime.Segmenter.Admit(model, CancellationToken.None);
        SegmentationRequest request = new()
        {
            Image = Assets.Image("rgb.png"),
            WithProbabilities = true,
            Settings = new() { Refine = refine },
        };
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            _runtime.Segmenter.SegmentAsync(admitted, request).AsTask());
        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
    }

    [Fact]
    public async Task SegmentAsync_Cancelled_LeavesNothingBehind()
    {
        using (AdmittedRequest admitted = _runtime.Segmenter.Admit("tiny", new CancellationToken(canceled: true)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _runtime.Segmenter
                .SegmentAsync(admitted, new SegmentationRequest { Image = Assets.Image("rgb.png") }).AsTask());
        }

        Assert.Equal(0, _runtime.Get<InFlightLimits>().Requests);
    }

    [Fact]
    public async Task ComputeAsync_WhileAnotherComputes_WaitsForItsTurn()
    {
        using TestRuntime runtime = new(Assets.Models, ("Scheduling:CpuSlots", "1"));
        using AdmittedRequest admitted = runtime.Segmenter.Admit("tiny", CancellationToken.None);
        CpuSlot turn = await runtime.Get<CpuGate>().EnterAsync(new StageTimings(), CancellationToken.None);

        Task<int> work = runtime.Segmenter.ComputeAsync(admitted, Stage.Encode, () => 2).AsTask();

        Assert.False(work.IsCompleted);
        turn.Dispose();
        Assert.Equal(2, await work);
        Assert.True(admitted.Timings.Entered(Stage.Queue) && admitted.Timings.Entered(Stage.Encode));
    }

    [Fact]
    public async Task ComputeAsync_LateForItsTurn_WasLateInTheQueue()
    {
        using TestRuntime runtime = new(Assets.Models, ("Scheduling:CpuSlots", "1"));
        Assert.True(
            runtime.Segmenter.TryAdmit(
                new AdmissionRequest { Model = "tiny", Timeout = TimeSpan.FromMilliseconds(20) },
                out AdmittedRequest? late, out _));
        using CpuSlot turn = await runtime.Get<CpuGate>().EnterAsync(new StageTimings(), CancellationToken.None);

        using (late)
        {
            SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
                runtime.Segmenter.ComputeAsync(late, Stage.Encode, () => 1).AsTask());
            Assert.Equal(SegmentationError.QueueTimeout, e.Error);
        }
    }

    public void Dispose() => _runtime.Dispose();
}
