using InferenceServer.Hosting;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace InferenceServer.Health;

/// <summary>Readiness as a health check of the framework, for the health service of gRPC.</summary>
internal sealed class ReadinessCheck(ModelRepository repository, Drain drain) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
            HealthEndpoints.NotReady(repository, drain) is null ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy());
}
