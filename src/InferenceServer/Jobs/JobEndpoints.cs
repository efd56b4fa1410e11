using System.ComponentModel;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Endpoints for jobs: many images whose masks are fetched later.</summary>
internal static class JobEndpoints
{
    private const string Lines = "application/x-ndjson";

    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/jobs").WithTags("Jobs").RequireScope(Scope.Infer);
        group.MapPost("/", CreateAsync).WithName("CreateJob").RequireScope(Scope.Infer, budgeted: true)
            .WithSummary("Uploads many images as a job.")
            .WithDescription(
                "Body and parameters are those of `/v1/segment:batch`. "
                + "The answer is 202, with the job's address in `Location`. Needs the option `Jobs:Path`.")
            .Accepts<IFormFileCollection>("multipart/form-data", "application/zip")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status429TooManyRequests);
        group.MapGet("/{id}", Describe).WithName("DescribeJob").WithSummary("Describes a job's state and progress.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{id}/events", Watch).WithName("WatchJob")
            .WithSummary("Sends a job's state after each change, as server-sent events.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{id}/result", Result).WithName("JobResult")
            .WithSummary("Returns the answers so far: a line of JSON for each image.")
            .Produces<string>(StatusCodes.Status200OK, Lines).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapDelete("/{id}", Delete).WithName("DeleteJob").WithSummary("Cancels a job and deletes its results.")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Accepted<JobStatus>, ProblemResult>> CreateAsync(
        [Description("A model's name. Default: the server's default model.")] string? model, HttpContext http,
        ModelRepository repository, JobStore store, JobFolder folder, IOptions<BulkOptions> options)
    {
        if (!folder.IsEnabled)
        {
            return new ProblemResult(
                ErrorTable.NoJobs,
                "This server keeps no jobs, because Jobs:Path is not set. "
                + "Use POST /v1/segment:batch, which answers on the connection, or ask the operator to set Jobs:Path.");
        }

        // Reports a wrong parameter now and not in each answer.
        SegmentSettings settings = SegmentSettingsBinder.BindMany(http.Request, "model");
        Dictionary<string, string> parameters = http.Request.Query.Where(p => p.Key != "model").ToDictionary(
            p => p.Key, p => p.Value.ToString());
        if (settings.Timeout is { } timeout)
        {
            // It may come from the header.
            parameters["timeout"] = ((int)timeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        }

        JobRequest request = new(http.Request.ContentType ?? "", model, parameters) { Owner = Owner(http) };
        repository.Lease(model).Dispose(); // reports an unknown model now
        Job job = await store.AddAsync(
            request,
            http.Request.ContentLength ?? options.Value.MaxBytes,
            path => Upload.SaveAsync(http.Request, path, options.Value, http.RequestAborted));
        return TypedResults.Accepted($"{http.Request.PathBase}/v1/jobs/{job.Status.Id}", job.Status);
    }

    private static Results<Ok<JobStatus>, ProblemResult> Describe(string id, HttpContext http, JobStore store)
    {
        if (Find(id, http, store) is { } job)
        {
            return TypedResults.Ok(job.Status);
        }

        return NoJob(id);
    }

    private static Results<ServerSentEventsResult<JobStatus>, ProblemResult> Watch(
        string id, HttpContext http, JobStore store, IHostApplicationLifetime application, TimeProvider time)
    {
        if (Find(id, http, store) is { } job)
        {
            return TypedResults.ServerSentEvents(EventsAsync(job, application, time, http.RequestAborted));
        }

        return NoJob(id);
    }

    private static Results<PhysicalFileHttpResult, PushStreamHttpResult, ProblemResult> Result(
        string id, HttpContext http, JobStore store, JobFolder folder)
    {
        if (Find(id, http, store) is not { } job)
        {
            return NoJob(id);
        }

        if (!File.Exists(folder.Answers(id)))
        {
            return new ProblemResult(
                ErrorTable.NoResult, "The job has not started yet. Ask again later.");
        }

        if (job.Status.Ended is null)
        {
            return TypedResults.Stream(output => folder.CopyAnswersAsync(id, job.AnswerBytes, output, http.RequestAborted), Lines);
        }

        return TypedResults.PhysicalFile(Path.GetFullPath(folder.Answers(id)), Lines);
    }

    private static Results<NoContent, ProblemResult> Delete(string id, HttpContext http, JobStore store)
    {
        if (Find(id, http, store) is not { } job)
        {
            return NoJob(id);
        }

        store.Remove(job);
        return TypedResults.NoContent();
    }

    // Ends at the server's shutdown, which waits for open connections, while a job may take longer.
    private static async IAsyncEnumerable<SseItem<JobStatus>> EventsAsync(
        Job job, IHostApplicationLifetime application, TimeProvider time,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, application.ApplicationStopping);
        await foreach (JobStatus status in job.WatchAsync(time, either.Token))
        {
            yield return new SseItem<JobStatus>(status, "progress");
        }
    }

    private static Job? Find(string id, HttpContext http, JobStore store) => store.Find(id, Owner(http));

    private static string? Owner(HttpContext http) => Caller.Of(http)?.Id;

    private static ProblemResult NoJob(string id) =>
        new(
            ErrorTable.UnknownJob,
            $"There is no job '{id}'. It was never created, was deleted, or has expired (Jobs:KeepFor).");
}
