using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;

namespace InferenceServer.Runtime.Tests.Batching;

/// <summary>Padding to a bucket, and cropping it away again, changes no label and no confidence of a network that is
/// convolutions and nothing else.</summary>
public sealed class BucketTests
{
    [Theory]
    [InlineData("tiny")]
    [InlineData("tiny-stride8")]
    [InlineData("tiny-labels")]
    [InlineData("tiny-binary")]
    [InlineData("tiny-probabilities")]
    public async Task SegmentAsync_PaddedToABucket_AnswersAsWithout(string model)
    {
        using TestRuntime exact = new(Assets.Models), bucketed = new(
            Assets.Models, ("Batching:MaxBatchSize", "4"), ("Batching:BucketMultiple", "128"));
        bool withConfidence = exact.Repository.Entry(model).Model!.Postprocessor.HasScores;

        (byte[] labels, byte[] confidence) = await SegmentAsync(exact, model, withConfidence);
        (byte[] paddedLabels, byte[] paddedConfidence) = await SegmentAsync(bucketed, model, withConfidence);

        Assert.Equal(labels, paddedLabels);
        Assert.Equal(confidence, paddedConfidence);
        Assert.Equal(new ImageSize(128, 128), bucketed.Repository.Entry(model).Model!.Preprocessor.Plan(new ImageSize(40, 30)).Bucket);
        Assert.NotEqual(new ImageSize(128, 128), exact.Repository.Entry(model).Model!.Preprocessor.Plan(new ImageSize(40, 30)).Bucket);
    }

    private static async Task<(byte[] Labels, byte[] Confidence)> SegmentAsync(TestRuntime runtime, string model, bool withConfidence)
    {
        using AdmittedRequest admitted = runtime.Segmenter.Admit(model, CancellationToken.None);
        SegmentationRequest request = new() { Image = Assets.Image("rgb.png"), WithConfidence = withConfidence };
        using SegmentationResult result = await runtime.Segmenter.SegmentAsync(admitted, request);
        return (result.Mask.Labels.ToArray(), result.Mask.Confidence.ToArray());
    }
}
