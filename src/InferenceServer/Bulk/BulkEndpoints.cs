using System.ComponentModel;
using System.IO.Pipelines;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Security;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>Many images in one request.</summary>
internal static class BulkEndpoints
{
    public static void MapBulk(this IEndpointRouteBuilder routes) => routes.MapPost("/v1/segment:batch", SegmentAsync).WithTags("Segment").WithName("SegmentBatch")
        .Observed().RequireScope(Scope.Infer, budgeted: true)
        .WithSummary("Segments many photographs.").WithDescription(
            "The body is a form with an image in each part, or a zip. The answer is a stream, in the order in which the masks are done: a line of JSON for each image, or with `Accept: multipart/mixed` a part. Work of this kind waits for people (priority batch).")
        .Accepts<IFormFileCollection>("multipart/form-data", "application/zip")
        .Produces<string>(StatusCodes.Status200OK, "application/x-ndjson", "multipart/mixed");

    private static async Task SegmentAsync(
        [Description("A model's name; the default is the server's.")] string? model, [AsParameters] SegmentQuery query, HttpContext http, ModelRepository repository, BulkRunner runner, IOptions<BulkOptions> options)
    {
        MaskOrder order = query.Order(http.Request, "model");
        Arrival arrival = ArrivalQuery.Parse(model, null, http.Request, query) with { Priority = Priority.Batch, Bytes = 0 };
        using ModelLease lease = repository.Lease(model); // before a byte is read; held, so that the same version answers all
        http.Observation().Admitted(lease.Model);
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = options.Value.MaxBytes;
        }

        using Upload upload = await Upload.ReceiveAsync(http.Request, options.Value, http.RequestAborted);
        IBulkWriter writer = http.Request.GetTypedHeaders().Accept.Any(a => a.MediaType.Equals("multipart/mixed", StringComparison.OrdinalIgnoreCase)) ? new MultipartWriter() : new NdjsonWriter();
        http.Response.ContentType = writer.ContentType;
        http.Response.Headers["X-Model"] = lease.Model.Name;
        PipeWriter body = http.Response.BodyWriter;
        long sent = 0;
        try
        {
            await runner.RunAsync(upload, arrival with { Model = lease.Model.Name, Version = lease.Model.Version }, order, WriteAsync, http.RequestAborted);
        }
        catch (SegmentationException e) when (http.Response.HasStarted)
        {
            await WriteAsync(new BulkAnswer(Image: null, ContentType: null, Mask: null, Width: 0, Height: 0, e));
        }

        writer.Finish(body);
        await body.FlushAsync(http.RequestAborted);
        http.Observation().Sent(sent);

        async Task WriteAsync(BulkAnswer answer)
        {
            writer.Write(answer, body);
            sent += answer.Mask?.Written.Length ?? 0;
            await body.FlushAsync(http.RequestAborted);
        }
    }
}
