using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Segment;

namespace InferenceServer.Jobs;

/// <summary>Works on one job after another, at priority batch; a job that a restart has interrupted goes on where it was.</summary>
internal sealed class JobWorker(JobStore store, JobFolder folder, BulkRunner runner, ModelRepository repository, TimeProvider time, ILogger<JobWorker> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!folder.IsEnabled)
        {
            return;
        }

        store.Load();
        await foreach (Job job in store.Line.ReadAllAsync(stoppingToken))
        {
            store.Expire();
            if (!job.Cancelled.IsCancellationRequested)
            {
                await RunAsync(job, stoppingToken);
            }
        }
    }

    private async Task RunAsync(Job job, CancellationToken stoppingToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, job.Cancelled.Token);
        string id = job.Status.Id;
        job.Status = job.Status with { State = JobState.Running };
        JobStatus end;
        try
        {
            await SegmentAsync(job, id, stop.Token);
            end = job.Status with { State = JobState.Done };
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            if (job.Cancelled.IsCancellationRequested)
            {
                folder.Remove(id);
            }

            return; // else the next start goes on with it
        }
        catch (SegmentationException e)
        {
            end = job.Status with { State = JobState.Failed, Reason = e.Message };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.JobFailed(logger, e, id);
            end = job.Status with { State = JobState.Failed, Reason = "The server could not read or write the job's files." };
        }

        folder.Finish(end);
        job.Status = end;
        if (job.Cancelled.IsCancellationRequested)
        {
            folder.Remove(id);
        }
    }

    private async Task SegmentAsync(Job job, string id, CancellationToken cancellationToken)
    {
        // A server that has just started loads its models still; what has waited for it can wait for them.
        while (!repository.IsReady || repository.Find(job.Request.Model ?? repository.Default ?? "")?.State == ModelState.Loading)
        {
            await Task.Delay(Interval, time, cancellationToken);
        }

        HttpRequest none = new DefaultHttpContext().Request; // the format was settled when the job was made
        HashSet<int> answered = folder.Answered(id, out _);
        using Upload upload = Upload.Open(folder.Upload(id), job.Request.ContentType);
        await using FileStream answers = new(folder.Answers(id), FileMode.Append, FileAccess.Write, FileShare.Read);
        NdjsonWriter writer = new();
        using PooledBufferWriter line = new();
        await runner.RunAsync(
            upload, new Arrival { Model = job.Request.Model, Priority = Priority.Batch }, job.Request.Query.Order(none),
            async answer =>
            {
                line.Clear();
                writer.Write(answer, line);
                await answers.WriteAsync(line.Written, cancellationToken);
                await answers.FlushAsync(cancellationToken);
                bool failed = answer.Failure is not null;
                job.Status = job.Status with { Masks = job.Status.Masks + (failed ? 0 : 1), Failures = job.Status.Failures + (failed ? 1 : 0) };
            },
            cancellationToken, answered);
    }
}
