using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace InferenceServer.Tests.Errors;

public sealed class RejectionTests
{
    private readonly DefaultHttpContext _http = new();

    [Fact]
    public void Of_RefusalThatWasNotThrown_IsItsErrorAndMessage()
    {
        _http.Features.Set(new SegmentationException(SegmentationError.Overloaded, "full"));

        Assert.Equal(("queue_full", "full"), Problem.RejectionOf(_http));
    }

    [Fact]
    public void Of_RefusalThatWasThrown_IsItsErrorAndMessage()
    {
        Throw(new SegmentationException(SegmentationError.DeadlineExceeded, "late"));

        Assert.Equal(("deadline", "late"), Problem.RejectionOf(_http));
    }

    [Theory]
    [InlineData(StatusCodes.Status413PayloadTooLarge, "too_large")]
    [InlineData(StatusCodes.Status400BadRequest, "bad_request")]
    public void Of_RefusalOfTheWebServer_GoesByItsStatus(int status, string reason)
    {
        Throw(new BadHttpRequestException("no", status));

        Assert.Equal((reason, "no"), Problem.RejectionOf(_http));
    }

    [Fact]
    public void Of_FaultOfTheServer_IsNoRejection()
    {
        Throw(new SegmentationException(SegmentationError.InferenceFailed, "broken"));
        Assert.Null(Problem.RejectionOf(_http));

        Throw(new InvalidOperationException());
        Assert.Null(Problem.RejectionOf(_http));
    }

    [Fact]
    public void Of_Answer_IsNoRejection() => Assert.Null(Problem.RejectionOf(_http));

    private void Throw(Exception e) => _http.Features.Set<IExceptionHandlerFeature>(new ExceptionHandlerFeature { Error = e });
}
