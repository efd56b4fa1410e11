using System.ComponentModel;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Endpoints for jobs: many images whose masks are fetched later.</summary>
internal static class JobEndpoints
{
    private const string Lines = "application/x-ndjson";
    private const int MaxJsonBytes = 16 << 20; // some 100,000 URLs

    // Proxies close a connection that is idle for long. Where other servers work on jobs, the store is asked as often.
    private static readonly TimeSpan KeepAliveInterval = TimeSpan.FromSeconds(15), SharedInterval = TimeSpan.FromSeconds(1);

    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/jobs").WithTags("Jobs").RequireScope(Scope.Infer);
        group.MapPost("/", CreateAsync).WithName("CreateJob").RequireScope(Scope.Infer, budgeted: true)
            .WithSummary("Makes a job of many images: uploaded ones, or those of a bucket, a folder or URLs.")
            .WithDescription(
                "An upload is a form or a zip as for `/v1/segment:batch`, with the parameters in the query. "
                + "JSON names the places: `{\"model\", \"parameters\": {…}, \"sources\": [{\"uri\": \"s3://bucket/in/\", \"glob\": "
                + "\"*.tif\"}, {\"path\": \"/data/\"}, {\"urls\": […]}], \"target\": {\"uri\": \"s3://bucket/out/\", \"existing\": "
                + "\"fail\" | \"skip\" | \"overwrite\"}, \"notify\": {\"webhook\": \"https://…\"}}`. "
                + "The answer is 202, with the job's address in `Location`. Needs the option `Jobs:Path`.")
            .Accepts<IFormFileCollection>("multipart/form-data", "application/zip", "application/json")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status429TooManyRequests);
        group.MapGet("/", ListAsync).WithName("ListJobs").WithSummary("Lists the caller's jobs, the newest first.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{id}", DescribeAsync).WithName("DescribeJob").WithSummary("Describes a job's state and progress.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{id}/events", WatchAsync).WithName("WatchJob")
            .WithSummary("Sends a job's state after each change, as server-sent events.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{id}/result", ResultAsync).WithName("JobResult")
            .WithSummary("Returns the answers so far: a line of JSON for each image.")
            .Produces<string>(StatusCodes.Status200OK, Lines).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapDelete("/{id}", DeleteAsync).WithName("DeleteJob")
            .WithSummary("Cancels a job and deletes its records; masks in its target stay.")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Accepted<JobStatus>, ProblemResult>> CreateAsync(
        [Description("A model's name. Default: the server's default model. JSON names the model itself.")] string? model,
        HttpContext http, ModelRepository repository, JobRegistry registry, JobPlaces places, JobRecords records,
        ImageDecoder decoder, BulkLimits limits, InFlightLimits reading, IOptions<JobOptions> jobs, IOptions<BulkOptions> bulk,
        TimeProvider time)
    {
        RequireEnabled(jobs);
        PacedBody.Of(http)?.ArriveWithin(bulk.Value.BodyTimeout);
        Client client = Caller.Client(http);
        bool isJson = JsonBody.IsJson(http.Request);
        JobRequest request = isJson ? await ReadAsync(http, reading.Open(client)) : FromQuery(model, http);
        // Reports a wrong parameter, an unknown model and a place that is not listed now, and not in each answer.
        _ = request.Settings;
        if (isJson)
        {
            places.Check(request, Caller.Of(http)?.Name);
        }

        RequireModel(repository, request.Model);
        StoredJob stored = new(request, time.GetUtcNow())
        {
            Owner = Owner(http),
            Client = client.ToString(),
        };
        using ConcurrencyLimit.Permit bytes = limits.Bytes.Open(client);
        Job job = await registry.AddAsync(
            stored, isJson ? 0 : Upload.Announced(http.Request, bulk.Value),
            async (id, hold) =>
            {
                if (isJson)
                {
                    return null;
                }

                return await JobUpload.SaveAsync(
                    id, http.Request, records, bulk.Value, decoder.Limits.MaxBytes,
                    received => ThrowIf(bytes.TryHold(received)), hold,
                    http.RequestAborted);
            },
            http.RequestAborted);
        return TypedResults.Accepted($"{http.Request.PathBase}/v1/jobs/{job.Id}", job.Status);
    }

    private static async Task<Ok<IReadOnlyList<JobStatus>>> ListAsync(
        HttpContext http, JobRegistry registry, IOptions<JobOptions> jobs)
    {
        RequireEnabled(jobs);
        IReadOnlyList<Job> found = await registry.ListAsync(Owner(http), http.RequestAborted);
        return TypedResults.Ok<IReadOnlyList<JobStatus>>([.. found.Select(job => job.Status)]);
    }

    private static async Task<Ok<JobStatus>> DescribeAsync(string id, HttpContext http, JobRegistry registry)
    {
        Job job = await FindAsync(id, http, registry);
        return TypedResults.Ok(job.Status);
    }

    private static async Task<ServerSentEventsResult<JobStatus>> WatchAsync(
        string id, HttpContext http, JobRegistry registry, IWorkQueue queue, IHostApplicationLifetime application)
    {
        Job job = await FindAsync(id, http, registry);
        return TypedResults.ServerSentEvents(EventsAsync(job, registry, queue, application, http.RequestAborted));
    }

    private static async Task<Results<PushStreamHttpResult, ProblemResult>> ResultAsync(
        string id, HttpContext http, JobRegistry registry, JobFinisher finisher)
    {
        Job job = await FindAsync(id, http, registry);
        JobStatus status = job.Status;
        if (job.Progress is null || (status.Ended is null && status.Done + status.Failed == 0))
        {
            return new ProblemResult(ErrorTable.NoResult, "No image of the job is answered yet. Ask again later.");
        }

        return TypedResults.Stream(output => finisher.CopyAnswersAsync(job, output, http.RequestAborted), Lines);
    }

    private static async Task<NoContent> DeleteAsync(string id, HttpContext http, JobRegistry registry)
    {
        Job job = await FindAsync(id, http, registry);
        await registry.RemoveAsync(job, http.RequestAborted);
        return TypedResults.NoContent();
    }

    // Ends at the server's shutdown, which waits for open connections, while a job may take longer.
    private static async IAsyncEnumerable<SseItem<JobStatus>> EventsAsync(
        Job job, JobRegistry registry, IWorkQueue queue, IHostApplicationLifetime application,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, application.ApplicationStopping);
        TimeSpan interval = queue.IsShared ? SharedInterval : KeepAliveInterval;
        Task LookAsync() => registry.LookAsync(job, either.Token);
        await foreach (JobStatus status in job.WatchAsync(LookAsync, interval, either.Token))
        {
            yield return new SseItem<JobStatus>(status, "progress");
        }
    }

    private static void ThrowIf(SegmentationException? refusal)
    {
        if (refusal is not null)
        {
            throw refusal;
        }
    }

    private static void Admit(Refusal? refusal)
    {
        if (refusal is { } full)
        {
            throw AdmissionErrors.Refused(model: null, full, Priority.Interactive);
        }
    }

    private static async Task<JobRequest> ReadAsync(HttpContext http, InFlightLimits.Permit permit)
    {
        using InFlightLimits.Permit held = permit;
        Admit(permit.TryRead());
        if (http.Request.Query.Count > 0)
        {
            throw JsonBody.Invalid(
                $"expected the model and the parameters in the body, got '{http.Request.Query.Keys.First()}' in the query.");
        }

        using PooledBufferWriter body = await BodyReader.ReadAsync(
            http.Request.Body, http.Request.ContentLength, MaxJsonBytes, bytes => Admit(permit.TryHoldBytes(bytes)), "The request",
            http.RequestAborted);
        try
        {
            return JsonSerializer.Deserialize(body.Written.Span, JobJson.Default.JobRequest)
                ?? throw JsonBody.Invalid("expected an object, got null.");
        }
        catch (JsonException e)
        {
            throw JsonBody.Invalid(e.Message);
        }
    }

    private static JobRequest FromQuery(string? model, HttpContext http)
    {
        SegmentSettings settings = SegmentSettingsBinder.BindMany(http.Request, "model");
        Dictionary<string, string> parameters = http.Request.Query.Where(p => p.Key != "model").ToDictionary(
            p => p.Key, p => p.Value.ToString());
        if (settings.Timeout is { } timeout)
        {
            // It may come from the header.
            parameters["timeout"] = ((int)timeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        }

        return new JobRequest
        {
            Model = model,
            Parameters = parameters.ToDictionary(
                p => p.Key, p => JsonSerializer.SerializeToElement(p.Value, JobJson.Default.String)),
        };
    }

    private static void RequireEnabled(IOptions<JobOptions> jobs)
    {
        if (jobs.Value.Path.Length == 0)
        {
            throw new SegmentationException(
                ErrorTable.NoJobs,
                "This server keeps no jobs, because Jobs:Path is not set. "
                + "Use POST /v1/segment:batch, which answers on the connection, or ask the operator to set Jobs:Path.");
        }
    }

    // A model that still loads is ready when the job's turn comes.
    private static void RequireModel(ModelRepository repository, string? model)
    {
        try
        {
            repository.Lease(model).Dispose();
        }
        catch (SegmentationException e) when (e.Error == SegmentationError.ModelNotReady)
        {
            // The job waits for it.
        }
    }

    private static async Task<Job> FindAsync(string id, HttpContext http, JobRegistry registry)
    {
        Job job = await registry.FindAsync(id, Owner(http), http.RequestAborted) ?? throw new SegmentationException(
            ErrorTable.UnknownJob,
            $"There is no job '{id}'. It was never created, was deleted, or has expired (Jobs:KeepFor).");
        await registry.LookAsync(job, http.RequestAborted);
        return job;
    }

    private static string? Owner(HttpContext http) => Caller.Of(http)?.Id;
}
