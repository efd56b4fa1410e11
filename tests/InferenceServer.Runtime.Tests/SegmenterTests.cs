using InferenceServer.Runtime.Scheduling;

namespace InferenceServer.Runtime.Tests;

public sealed class SegmenterTests : IDisposable
{
    private readonly TestRuntime _runtime = new(Assets.Models, ("Scheduling:MaxRequests", "1"));

    [Fact]
    public void Admit_WhenFull_RefusesUntilThePlaceIsGivenUp()
    {
        AdmittedRequest first = _runtime.Segmenter.Admit("tiny");
        Assert.Equal(SegmentationError.Overloaded, Assert.Throws<SegmentationException>(() => _runtime.Segmenter.Admit("tiny")).Error);

        first.Dispose();
        first.Dispose();

        using AdmittedRequest second = _runtime.Segmenter.Admit("tiny");
        Assert.Equal(1, _runtime.Get<Admission>().Requests);
    }

    [Fact]
    public void Admit_ModelThatCannotServe_TakesNoPlace()
    {
        Assert.Throws<SegmentationException>(() => _runtime.Segmenter.Admit("none"));
        Assert.Throws<SegmentationException>(() => _runtime.Segmenter.Admit("tiny-nan"));
        Assert.Equal(0, _runtime.Get<Admission>().Requests);
    }

    [Fact]
    public async Task SegmentAsync_ConfidenceOfAGraphThatEndsInLabels_IsRefused()
    {
        using AdmittedRequest admitted = _runtime.Segmenter.Admit("tiny-labels");
        SegmentationRequest request = new() { Image = Assets.Image("rgb.png"), WithConfidence = true };
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() => _runtime.Segmenter.SegmentAsync(admitted, request, CancellationToken.None).AsTask());
        Assert.Equal(SegmentationError.InvalidRequest, e.Error);
    }

    [Fact]
    public async Task SegmentAsync_Cancelled_LeavesNothingBehind()
    {
        using (AdmittedRequest admitted = _runtime.Segmenter.Admit("tiny"))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _runtime.Segmenter
                .SegmentAsync(admitted, new SegmentationRequest { Image = Assets.Image("rgb.png") }, new CancellationToken(canceled: true)).AsTask());
        }

        Assert.Equal(0, _runtime.Get<Admission>().Requests);
    }

    public void Dispose() => _runtime.Dispose();
}
