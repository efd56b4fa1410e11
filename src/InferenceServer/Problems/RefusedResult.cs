using InferenceServer.Runtime;

namespace InferenceServer.Problems;

/// <summary>A refusal as an answer, which no exception has to carry: a flood of requests would pay for each.</summary>
internal sealed class RefusedResult(SegmentationException refusal) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Problem.WriteAsync(httpContext, refusal);
}
