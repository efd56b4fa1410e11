using InferenceServer.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Metrics;

/// <summary>What Prometheus scrapes.</summary>
internal static class MetricsEndpoint
{
    public static void MapMetrics(this IEndpointRouteBuilder routes)
    {
        if (routes.ServiceProvider.GetRequiredService<IOptions<TelemetryOptions>>().Value.Prometheus)
        {
            RequestDelegate scrape = routes.CreateApplicationBuilder().UseOpenTelemetryPrometheusScrapingEndpoint(_ => true).Build();
            // The cast: a RequestDelegate would not be in the OpenAPI document.
            routes.MapGet("/metrics", (Delegate)((HttpContext http) => scrape(http))).WithName("Metrics").WithTags("Metrics").WithSummary("All metrics, as Prometheus text, or OpenMetrics where that is accepted.")
                .Produces<string>(StatusCodes.Status200OK, "text/plain", "application/openmetrics-text").DisableHttpMetrics().ForOperators();
        }
    }
}
