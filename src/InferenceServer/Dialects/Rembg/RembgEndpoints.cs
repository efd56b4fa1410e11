using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Dialects.Rembg;

/// <summary>The route of rembg's server that removes a background.</summary>
internal static class RembgEndpoints
{
    public static void MapRembg(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/api/remove").WithTags("rembg").Observed()
            .RequireScope(Scope.Infer, budgeted: true);
        group.MapPost("/", UploadAsync).WithName("RembgRemove")
            .WithSummary("Cuts an object out of an uploaded image, as rembg's server.")
            .WithDescription(
                "A form with the image as `file`, and options as fields or in the query: `model`, `om` (the mask alone), `ppm` "
                + "(smooth and threshold the mask), `bgc` (background: red, green, blue, alpha, 0 to 255). The model has two "
                + "classes, of which the second is the object.");
        group.MapGet("/", FetchAsync).WithName("RembgRemoveUrl")
            .WithSummary("Cuts an object out of the image of a URL, as rembg's server.")
            .WithDescription("The query has `url`, on a host in `Fetch`, and the options of the other form.");
    }

    private static async Task<Results<MaskResult, ProblemResult>> UploadAsync(
        HttpContext http, Segmenter segmenter, SegmentHandler handler)
    {
        RembgExchange exchange = new(http.Request);
        (SegmentSettings settings, AdmissionRequest admission) = Bind(http, exchange);
        if (exchange.Model is not null)
        {
            return await handler.AnswerAsync(http, admission, settings, exchange.ReadAsync);
        }

        // A field may name the model, after the image: the default model's permit covers the upload.
        if (!segmenter.TryAdmit(admission, out AdmittedRequest? reading, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        using Owned<PooledBufferWriter> owned = new(await ReadAsync(reading, handler, exchange));
        PooledBufferWriter image = owned.Value;
        admission = admission with { Model = exchange.Model, Body = null, Bytes = image.Written.Length };
        return await handler.AnswerAsync(http, admission, settings, (_, _, _) => Task.FromResult(image));
    }

    private static async Task<PooledBufferWriter> ReadAsync(AdmittedRequest reading, SegmentHandler handler, RembgExchange exchange)
    {
        using (reading)
        {
            return await handler.ReadAsync(reading, exchange.ReadAsync);
        }
    }

    private static Task<Results<MaskResult, ProblemResult>> FetchAsync(HttpContext http, SegmentHandler handler, ImageFetcher fetcher)
    {
        RembgExchange exchange = new(http.Request);
        (SegmentSettings settings, AdmissionRequest admission) = Bind(http, exchange);
        if (exchange.Url is not { } url)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, "url: expected the image's URL, got none. POST takes the image itself, as file.");
        }

        return handler.AnswerAsync(
            http, admission, settings, (maxBytes, hold, ct) => fetcher.FetchAsync(url, authorization: null, maxBytes, hold, ct));
    }

    private static (SegmentSettings Settings, AdmissionRequest Admission) Bind(HttpContext http, RembgExchange exchange)
    {
        SegmentSettings settings = SegmentSettingsBinder.BindHeaders(http.Request) with { Format = exchange.Format, Refine = false };
        return (settings, AdmissionRequestBinder.Bind(exchange.Model, null, http.Request, settings));
    }
}
