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
    /// <param name="endpoints">The endpoints.</param>
    /// <param name="needsNoModel">Whether no network runs for the requests, which then count for no model.</param>
    public static TBuilder Observed<TBuilder>(this TBuilder endpoints, bool needsNoModel = false)
        where TBuilder : IEndpointConventionBuilder => endpoints.WithMetadata(new ObservedRoute(needsNoModel));

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

            if (http.GetEndpoint() is not RouteEndpoint endpoint || endpoint.Metadata.GetMetadata<ObservedRoute>() is not { } route)
            {
                await next(http);
                return;
            }

            // Read now: the exception handler clears the route.
            string? model = route.NeedsNoModel ? RequestObservation.NoModel : http.Request.RouteValues["model"] as string;
            RequestObservation observation = new(metrics, endpoint.RoutePattern.RawText ?? "", model, repository);
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
/// <param name="NeedsNoModel">Whether no network runs for the requests.</param>
internal sealed record ObservedRoute(bool NeedsNoModel);
