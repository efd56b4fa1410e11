using System.Diagnostics;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.Features;

namespace InferenceServer.Telemetry;

/// <summary>Middleware that counts every request for a mask. It runs outside the error handling, so that it sees the
/// status that the client gets.</summary>
internal static class RequestObserver
{
    /// <summary>Marks endpoints whose requests are counted.</summary>
    public static TBuilder Observed<TBuilder>(this TBuilder endpoints)
        where TBuilder : IEndpointConventionBuilder => endpoints.WithMetadata(ObservedRoute.Instance);

    /// <summary>The observation of this request.</summary>
    /// <exception cref="InvalidOperationException">The endpoint is not <see cref="Observed"/>.</exception>
    public static RequestObservation Observation(this HttpContext http) =>
        http.Features.GetRequiredFeature<RequestObservation>();

    public static void UseObservation(this WebApplication app)
    {
        SegmentationMetrics metrics = app.Services.GetRequiredService<SegmentationMetrics>();
        ModelRepository repository = app.Services.GetRequiredService<ModelRepository>();
        app.Use(async (http, next) =>
        {
            if (http.IsProbe())
            {
                Activity.Current?.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded; // probes are not traced
            }

            if (http.GetEndpoint() is not RouteEndpoint endpoint || endpoint.Metadata.GetMetadata<ObservedRoute>() is null)
            {
                await next(http);
                return;
            }

            // Read now: the exception handler clears the route.
            RequestObservation observation = new(
                metrics, endpoint.RoutePattern.RawText ?? "", http.Request.RouteValues["model"] as string, repository);
            http.Features.Set(observation);
            try
            {
                await next(http);
            }
            finally
            {
                observation.End(http);
            }
        });
    }
}

/// <summary>Metadata of an endpoint whose requests are counted.</summary>
internal sealed class ObservedRoute
{
    public static readonly ObservedRoute Instance = new();

    private ObservedRoute()
    {
    }
}
