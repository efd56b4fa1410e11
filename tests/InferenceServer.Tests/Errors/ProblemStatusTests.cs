using InferenceServer.Errors;
using InferenceServer.Runtime;

namespace InferenceServer.Tests.Errors;

public sealed class ProblemStatusTests
{
    [Theory]
    [InlineData(SegmentationError.InvalidRequest, 400)]
    [InlineData(SegmentationError.UnknownModel, 404)]
    [InlineData(SegmentationError.PayloadTooLarge, 413)]
    [InlineData(SegmentationError.TooManyPixels, 413)]
    [InlineData(SegmentationError.UnsupportedMediaType, 415)]
    [InlineData(SegmentationError.UndecodableImage, 422)]
    [InlineData(SegmentationError.ImageNotFetched, 422)]
    [InlineData(SegmentationError.Overloaded, 429)]
    [InlineData(SegmentationError.QueueTimeout, 503)]
    [InlineData(SegmentationError.DeadlineExceeded, 504)]
    [InlineData(SegmentationError.ModelNotReady, 503)]
    [InlineData(SegmentationError.InferenceFailed, 500)]
    [InlineData(SegmentationError.Unauthorized, 401)]
    [InlineData(SegmentationError.Forbidden, 403)]
    [InlineData(SegmentationError.RateLimited, 429)]
    [InlineData(SegmentationError.TokensUnavailable, 503)]
    [InlineData(SegmentationError.NotSupported, 501)]
    public void Of_EachError_HasItsStatus(SegmentationError error, int status) => Assert.Equal(status, ProblemStatus.Of(error));

    [Fact]
    public void Of_EveryMember_IsMapped() => Assert.All(Enum.GetValues<SegmentationError>(), error => Assert.InRange(ProblemStatus.Of(error), 400, 599));
}
