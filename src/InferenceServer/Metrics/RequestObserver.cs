using System.Diagnostics;
using InferenceServer.Logging;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.Features;

namespace InferenceServer.Metrics;

/// <summary>Watches every request for a mask from outside the handling of errors, so that it sees the status that the client sees.</summary>
internal static class RequestObserver
{
    /// <summary>The endpoints whose requests are counted.</summary>
    public static TBuilder Observed<TBuilder>(this TBuilder endpoints)
        where TBuilder : IEndpointConventionBuilder => endpoints.WithMetadata(ObservedRoute.Instance);

    /// <summary>What is noted about this request.</summary>
    /// <exception cref="InvalidOperationException">The endpoint is not <see cref="Observed"/>.</exception>
    public static RequestObservation Observation(this HttpContext http) => http.Features.GetRequiredFeature<RequestObservation>();

    public static void UseObservation(this WebApplication app)
    {
        SegmentationMetrics metrics = app.Services.GetRequiredService<SegmentationMetrics>();
        ModelRepository repository = app.Services.GetRequiredService<ModelRepository>();
        app.Use(async (http, next) =>
        {
            if (http.IsProbe())
            {
                Activity.Current?.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded; // nobody looks for a probe's trace
            }

            if (http.GetEndpoint() is not RouteEndpoint endpoint || endpoint.Metadata.GetMetadata<ObservedRoute>() is null)
            {
                await next(http);
                return;
            }

            // Taken now, because whoever turns an exception into a problem clears the route.
            RequestObservation observation = new(metrics, endpoint.RoutePattern.RawText ?? "", http.Request.RouteValues["model"] as string, repository);
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
