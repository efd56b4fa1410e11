using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace InferenceServer.Tests.Errors;

public sealed class RejectionCauseTests
{
    private readonly DefaultHttpContext _http = new();

    [Fact]
    public void Of_RefusalThatWasNotThrown_IsItsErrorAndMessage()
    {
        _http.Features.Set(new SegmentationException(SegmentationError.Overloaded, "full"));

        Assert.Equal((RejectionReason.QueueFull, "full"), RejectionCause.Of(_http));
    }

    [Fact]
    public void Of_RefusalThatWasThrown_IsItsErrorAndMessage()
    {
        Throw(new SegmentationException(SegmentationError.DeadlineExceeded, "late"));

        Assert.Equal((RejectionReason.Deadline, "late"), RejectionCause.Of(_http));
    }

    [Theory]
    [InlineData(StatusCodes.Status413PayloadTooLarge, RejectionReason.TooLarge)]
    [InlineData(StatusCodes.Status400BadRequest, RejectionReason.BadRequest)]
    public void Of_RefusalOfTheWebServer_GoesByItsStatus(int status, RejectionReason reason)
    {
        Throw(new BadHttpRequestException("no", status));

        Assert.Equal((reason, "no"), RejectionCause.Of(_http));
    }

    [Fact]
    public void Of_FaultOfTheServer_IsNoRejection()
    {
        Throw(new SegmentationException(SegmentationError.InferenceFailed, "broken"));
        Assert.Null(RejectionCause.Of(_http));

        Throw(new InvalidOperationException());
        Assert.Null(RejectionCause.Of(_http));
    }

    [Fact]
    public void Of_Answer_IsNoRejection() => Assert.Null(RejectionCause.Of(_http));

    private void Throw(Exception e) => _http.Features.Set<IExceptionHandlerFeature>(new ExceptionHandlerFeature { Error = e });
}
