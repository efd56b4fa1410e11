using InferenceServer.Hosting;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Health;

/// <summary>Probes for orchestrators and load balancers.</summary>
internal static class HealthEndpoints
{
    // Some balancers ask with HEAD.
    private static readonly string[] Probes = [HttpMethods.Get, HttpMethods.Head];

    public static RouteGroupBuilder MapHealth(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/health").WithTags("Health");
        group.MapMethods("/live", Probes, Live).WithName("Live").WithSummary("200 as long as the process answers, whatever its load.");
        group.MapMethods("/ready", Probes, Ready).WithName("Ready").WithSummary("200 once the required models are warm, and until the server is told to stop.")
            .Produces<HealthStatus>()
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        return group;
    }

    private static Ok<HealthStatus> Live() => TypedResults.Ok(new HealthStatus("live"));

    /// <summary>What keeps the server from being ready; null where nothing does.</summary>
    public static IResult? NotReady(ModelRepository repository, Drain drain) => drain.HasBegun
        ? new ProblemResult(ErrorTable.Draining, "The server is draining: it was told to stop, and serves what still comes for a moment.")
        : repository.NotReady() is { Count: > 0 } reasons
            ? new ProblemResult(new SegmentationException(SegmentationError.ModelNotReady, string.Join(' ', reasons)))
            : null;

    private static IResult Ready(ModelRepository repository, Drain drain) => NotReady(repository, drain) ?? TypedResults.Ok(new HealthStatus("ready"));
}

/// <summary>The answer of a probe that passed.</summary>
/// <param name="Status">live or ready.</param>
public sealed record HealthStatus(string Status);
