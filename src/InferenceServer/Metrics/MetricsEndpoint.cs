using InferenceServer.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Metrics;

/// <summary>The endpoint that Prometheus scrapes.</summary>
internal static class MetricsEndpoint
{
    public static void MapMetrics(this IEndpointRouteBuilder routes)
    {
        if (routes.ServiceProvider.GetRequiredService<IOptions<TelemetryOptions>>().Value.Prometheus)
        {
            RequestDelegate scrape = routes.CreateApplicationBuilder().UseOpenTelemetryPrometheusScrapingEndpoint(_ => true).Build();
            // Cast, because a RequestDelegate would not be in the OpenAPI document.
            routes.MapGet("/metrics", (Delegate)((HttpContext http) => scrape(http))).WithName("Metrics")
                .WithTags("Metrics")
                .WithSummary("Returns all metrics as Prometheus text, or as OpenMetrics where the client accepts it.")
                .Produces<string>(StatusCodes.Status200OK, "text/plain", "application/openmetrics-text")
                .DisableHttpMetrics().ForOperators();
        }
    }
}
