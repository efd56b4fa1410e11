using InferenceServer.Hosting;
using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Metrics;

/// <summary>What Prometheus scrapes.</summary>
internal static class MetricsEndpoint
{
    private const string Text = "text/plain";
    private const string OpenMetrics = "application/openmetrics-text";

    public static void MapMetrics(this IEndpointRouteBuilder routes)
    {
        if (routes.ServiceProvider.GetRequiredService<IOptions<TelemetryOptions>>().Value.Prometheus)
        {
            routes.MapGet("/metrics", ScrapeAsync).WithName("Metrics").WithTags("Metrics").WithSummary("All metrics, as Prometheus text, or OpenMetrics where that is accepted.")
                .Produces<string>(StatusCodes.Status200OK, Text, OpenMetrics).DisableHttpMetrics().ForOperators();
        }
    }

    /// <summary>OpenMetrics where it is asked for by name and nothing else is liked better.</summary>
    internal static PrometheusFormat Negotiate(IList<MediaTypeHeaderValue> accept)
    {
        double openMetrics = Quality(accept, OpenMetrics);
        return openMetrics > 0 && openMetrics >= Quality(accept, Text) ? PrometheusFormat.OpenMetrics : PrometheusFormat.Text;
    }

    private static async Task ScrapeAsync(HttpContext http, PrometheusExporter exporter)
    {
        PrometheusFormat format = Negotiate(http.Request.GetTypedHeaders().Accept);
        using PooledBufferWriter text = new();
        await exporter.WriteAsync(format, text, http.RequestAborted);
        http.Response.ContentType = format == PrometheusFormat.OpenMetrics ? $"{OpenMetrics}; version=1.0.0; charset=utf-8" : $"{Text}; version=0.0.4; charset=utf-8";
        http.Response.Headers.Vary = "Accept";
        http.Response.ContentLength = text.Written.Length;
        await http.Response.BodyWriter.WriteAsync(text.Written, http.RequestAborted);
    }

    private static double Quality(IList<MediaTypeHeaderValue> accept, string type) =>
        accept.Where(a => a.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Select(a => a.Quality ?? 1).DefaultIfEmpty(0).Max();
}
