using System.ComponentModel;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using InferenceServer.Bulk;
using InferenceServer.Problems;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Security;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Many images whose masks are fetched later.</summary>
internal static class JobEndpoints
{
    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/jobs").WithTags("Jobs").RequireScope(Scope.Infer);
        group.MapPost("/", CreateAsync).WithName("CreateJob").RequireScope(Scope.Infer, budgeted: true).WithSummary("Hands in many photographs.")
            .WithDescription("The body and the parameters are those of `/v1/segment:batch`. The answer, 202, says in `Location` where the job is. Only where the server's operator has set `Jobs:Path`.")
            .Accepts<IFormFileCollection>("multipart/form-data", "application/zip").ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status429TooManyRequests);
        group.MapGet("/{id}", Describe).WithName("DescribeJob").WithSummary("Tells how far a job is.").ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{id}/events", Watch).WithName("WatchJob").WithSummary("Tells how far a job is, and whenever that changes, as server-sent events.").ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{id}/result", Result).WithName("JobResult").WithSummary("The answers so far: a line of JSON for each image.").Produces<string>(StatusCodes.Status200OK, "application/x-ndjson").ProducesProblem(StatusCodes.Status404NotFound);
        group.MapDelete("/{id}", Delete).WithName("DeleteJob").WithSummary("Cancels a job, or deletes what it has made.").ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Accepted<JobStatus>, ProblemResult>> CreateAsync(
        [Description("A model's name; the default is the server's.")] string? model, [AsParameters] SegmentQuery query, HttpContext http,
        ModelRepository repository, JobStore store, JobFolder folder, IOptions<BulkOptions> options)
    {
        if (!folder.IsEnabled)
        {
            return new ProblemResult(StatusCodes.Status404NotFound, "no-jobs", "This server keeps no jobs; its operator can set Jobs:Path. POST /v1/segment:batch answers on the connection.");
        }

        EncodingParameters parameters = query.Order(http.Request, "model").Parameters;
        repository.Lease(model).Dispose(); // a model that there is not is better told now
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = options.Value.MaxBytes;
        }

        using Upload upload = await Upload.ReceiveAsync(http.Request, options.Value, http.RequestAborted);
        string format = MaskFormats.All.First(f => f.Format == parameters.Format).Word;
        Job job = await store.AddAsync(new JobRequest(http.Request.ContentType!, model, query with { Format = format }), upload, http.RequestAborted);
        return TypedResults.Accepted($"/v1/jobs/{job.Status.Id}", job.Status);
    }

    private static Results<Ok<JobStatus>, ProblemResult> Describe(string id, JobStore store) => store.Find(id) is { } job ? TypedResults.Ok(job.Status) : NoJob(id);

    private static Results<ServerSentEventsResult<JobStatus>, ProblemResult> Watch(string id, HttpContext http, JobStore store) =>
        store.Find(id) is { } job ? TypedResults.ServerSentEvents(EventsAsync(job, http.RequestAborted)) : NoJob(id);

    private static Results<PhysicalFileHttpResult, ProblemResult> Result(string id, JobStore store, JobFolder folder) => store.Find(id) is null ? NoJob(id)
        : File.Exists(folder.Answers(id)) ? TypedResults.PhysicalFile(Path.GetFullPath(folder.Answers(id)), "application/x-ndjson")
        : new ProblemResult(StatusCodes.Status404NotFound, "no-result", "The job has not begun yet; ask again later.");

    private static Results<NoContent, ProblemResult> Delete(string id, JobStore store) => store.Remove(id) ? TypedResults.NoContent() : NoJob(id);

    private static async IAsyncEnumerable<SseItem<JobStatus>> EventsAsync(Job job, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (JobStatus status in job.WatchAsync(cancellationToken))
        {
            yield return new SseItem<JobStatus>(status, "progress");
        }
    }

    private static ProblemResult NoJob(string id) => new(StatusCodes.Status404NotFound, "unknown-job", $"There is no job '{id}'; it may have been deleted, or done for too long.");
}
