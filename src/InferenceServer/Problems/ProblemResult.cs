namespace InferenceServer.Problems;

/// <summary>A problem that an endpoint answers with on purpose, and that no exception stands for.</summary>
internal sealed class ProblemResult(int status, string kind, string detail) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Problem.WriteAsync(httpContext, status, detail, kind);
}
