using System.ComponentModel;
using System.IO.Pipelines;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>The endpoint for many images in one request.</summary>
internal static class BulkEndpoints
{
    private const string Route = "/v1/segment:batch";

    public static void MapBulk(this IEndpointRouteBuilder routes) => routes.MapPost(Route, SegmentAsync)
        .WithTags("Segment").WithName("SegmentBatch")
        .Observed().RequireScope(Scope.Infer, budgeted: true)
        .WithSummary("Segments many images.").WithDescription(
            "The body is a form with an image in each part, or a zip. "
            + "The answer is a stream in the order in which masks are finished: "
            + "a line of JSON for each image, or a part with `Accept: multipart/mixed`. "
            + "The images have priority batch.")
        .Accepts<IFormFileCollection>("multipart/form-data", "application/zip")
        .Produces<string>(StatusCodes.Status200OK, "application/x-ndjson", "multipart/mixed");

    private static async Task SegmentAsync(
        [Description("A model's name. Default: the server's default model.")] string? model,
        HttpContext http, ModelRepository repository, BulkRunner runner, BulkLimits limits,
        IOptions<BulkOptions> options)
    {
        if (model is not null)
        {
            http.Observation().AskedFor(model);
        }

        SegmentSettings settings = SegmentSettingsBinder.BindMany(http.Request, "model");
        // Held to the end, so that the same version answers all images.
        using ModelLease lease = repository.Lease(model);
        Client client = Caller.Client(http);
        if (!limits.Requests.TryEnter(client, out IDisposable? permit, out SegmentationException? refusal))
        {
            await Problem.WriteAsync(http, refusal);
            return;
        }

        using IDisposable held = permit;
        http.Observation().InParts();
        PacedBody.Of(http)?.ArriveWithin(options.Value.BodyTimeout);
        using ConcurrencyLimit.Permit bytes = limits.Bytes.Open(client);
        using Upload upload = await Upload.ReceiveAsync(http.Request, options.Value, Hold, http.RequestAborted);
        IBulkWriter writer = AcceptsMultipart(http.Request) ? new MultipartWriter() : new NdjsonWriter();
        http.Response.ContentType = writer.ContentType;
        http.Response.Headers["X-Model"] = lease.Model.Name;
        await using AnswerWriter body = new(http);
        BulkSettings bulk = new(lease, settings, Caller.Of(http)?.Budget, Route) { Client = client };
        try
        {
            await runner.RunAsync(upload, bulk, WriteAsync, http.RequestAborted);
        }
        catch (SegmentationException e) when (http.Response.HasStarted)
        {
            Problem.Note(http, e);
            await writer.WriteAsync(BulkAnswer.Failed(image: null, e), body, http.RequestAborted);
        }

        writer.Finish(body);
        await body.FlushAsync(http.RequestAborted);

        void Hold(long received)
        {
            if (bytes.TryHold(received) is { } full)
            {
                throw full;
            }
        }

        Task WriteAsync(BulkAnswer answer)
        {
            body.Begin(answer.Mask.Length, answer.KeepsPlace);
            return writer.WriteAsync(answer, body, http.RequestAborted);
        }
    }

    private static bool AcceptsMultipart(HttpRequest request) =>
        request.GetTypedHeaders().Accept.Any(
            a => a.MediaType.Equals("multipart/mixed", StringComparison.OrdinalIgnoreCase));
}
