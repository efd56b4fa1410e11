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
        group.MapMethods("/ready", Probes, Ready).WithName("Ready").WithSummary("200 once the required models are warm.")
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        return group;
    }

    private static Ok<HealthStatus> Live() => TypedResults.Ok(new HealthStatus("live"));

    private static Ok<HealthStatus> Ready(ModelRepository repository) => repository.NotReady() is { Count: > 0 } reasons
        ? throw new SegmentationException(SegmentationError.ModelNotReady, string.Join(' ', reasons))
        : TypedResults.Ok(new HealthStatus("ready"));
}
