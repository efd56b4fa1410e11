using InferenceServer.Errors;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace InferenceServer.Health;

/// <summary>Probes for orchestrators and load balancers.</summary>
internal static class HealthEndpoints
{
    // Some load balancers probe with HEAD.
    private static readonly string[] Probes = [HttpMethods.Get, HttpMethods.Head];

    public static RouteGroupBuilder MapHealth(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/health").WithTags("Health");
        group.MapMethods("/live", Probes, Live).WithName("Live")
            .WithSummary("Returns 200 while the process runs, at any load.");
        group.MapMethods("/ready", Probes, Ready).WithName("Ready")
            .WithSummary(
                "Returns 200 once the required models are warm, until the server stops.")
            .Produces<HealthStatus>()
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable)
            .ProducesProblem(StatusCodes.Status507InsufficientStorage);
        return group;
    }

    private static Ok<HealthStatus> Live() => TypedResults.Ok(new HealthStatus("live"));

    /// <summary>The response of a server that is not ready; null where the server is ready.</summary>
    public static IResult? NotReady(ModelRepository repository, Drain drain, TemporaryFolder folder)
    {
        if (drain.HasBegun)
        {
            return new ProblemResult(
                ErrorTable.Draining, "The server is draining and will stop. Send new requests to another replica.");
        }

        if (repository.NotReady() is { Count: > 0 } reasons)
        {
            return new ProblemResult(new SegmentationException(SegmentationError.ModelNotReady, string.Join(' ', reasons)));
        }

        if (folder.Problem is { } problem)
        {
            return new ProblemResult(ErrorTable.InsufficientStorage, problem);
        }

        return null;
    }

    private static IResult Ready(ModelRepository repository, Drain drain, TemporaryFolder folder) =>
        NotReady(repository, drain, folder) ?? TypedResults.Ok(new HealthStatus("ready"));
}

/// <summary>The response to a passed probe.</summary>
/// <param name="Status">live or ready.</param>
public sealed record HealthStatus(string Status);

/// <summary>Readiness as a health check of the framework, for the health service of gRPC.</summary>
internal sealed class ReadinessCheck(ModelRepository repository, Drain drain, TemporaryFolder folder) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
            HealthEndpoints.NotReady(repository, drain, folder) is null ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy());
}
