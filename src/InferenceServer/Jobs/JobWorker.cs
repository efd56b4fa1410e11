using System.IO.Pipelines;
using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Jobs;

/// <summary>Runs one job after another, at priority batch. A job that a restart interrupted continues where it
/// stopped.</summary>
internal sealed class JobWorker(
    JobStore store, JobFolder folder, BulkRunner runner, ModelRepository repository, KeyRing keys,
    TimeProvider time, ILogger<JobWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan ModelInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromMinutes(1);

    /// <summary>Loads the jobs of an earlier run before the first request can ask for one.</summary>
    /// <param name="cancellationToken">Cancels the start.</param>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (folder.IsEnabled)
        {
            folder.Open();
            store.Load();
        }

        return base.StartAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (folder.IsEnabled)
        {
            return Task.WhenAll(WorkAsync(stoppingToken), ExpireAsync(stoppingToken));
        }

        return Task.CompletedTask;
    }

    private async Task ExpireAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(ExpiryInterval, time);
        do
        {
            store.Expire();
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        await foreach (Job job in store.Queue.ReadAllAsync(stoppingToken))
        {
            if (!job.Deleted.IsCancellationRequested)
            {
                await RunAsync(job, stoppingToken);
            }
        }
    }

    private async Task RunAsync(Job job, CancellationToken stoppingToken)
    {
        try
        {
            // Held, so that the same version answers all images.
            using ModelLease model = repository.Lease(job.Request.Model);
            if (job.TryStart())
            {
                await SegmentAsync(job, model, stoppingToken);
            }
        }
        catch (SegmentationException e) when (e.Error == SegmentationError.ModelNotReady)
        {
            store.PutBack(job); // the jobs behind it may need another model
            await Task.Delay(ModelInterval, time, stoppingToken);
        }
        catch (SegmentationException e)
        {
            End(job, JobState.Failed, e.Message);
        }
    }

    private async Task SegmentAsync(Job job, ModelLease model, CancellationToken stoppingToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(
            stoppingToken, job.Deleted);
        try
        {
            await SegmentAsync(
                job, new BulkSettings(model, job.Request.Settings, keys.Budget(job.Request.Owner), "/v1/jobs"),
                stop.Token);
            End(job, JobState.Done, reason: null);
        }
        catch (OperationCanceledException) when (job.Deleted.IsCancellationRequested)
        {
            folder.Remove(job.Status.Id);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next start continues the job.
        }
        catch (SegmentationException e)
        {
            End(job, JobState.Failed, e.Message);
        }
        catch (Exception e) // an unexpected error of one job must not end the others
        {
            Log.JobFailed(logger, e, job.Status.Id);
            bool isDisk = e is IOException or UnauthorizedAccessException;
            End(
                job, JobState.Failed,
                isDisk ? "The server could not read or write the job's files." : "The server failed; its log has the reason.");
        }
    }

    private async Task SegmentAsync(Job job, BulkSettings settings, CancellationToken cancellationToken)
    {
        string id = job.Status.Id;
        using Upload upload = Upload.Open(folder.Upload(id), job.Request.ContentType);
        await using FileStream answers = new(folder.Answers(id), FileMode.Append, FileAccess.Write, FileShare.Read);
        long limit = answers.Length + store.Room;
        PipeWriter output = PipeWriter.Create(answers, new StreamPipeWriterOptions(leaveOpen: true));
        NdjsonWriter writer = new();
        try
        {
            await runner.RunAsync(upload, settings, AnswerAsync, cancellationToken, job.Answered);
        }
        finally
        {
            await output.CompleteAsync();
            answers.SetLength(job.AnswerBytes); // cuts off an incomplete line
        }

        async Task AnswerAsync(BulkAnswer answer)
        {
            if (answers.Length + answer.Mask.Length > limit)
            {
                throw new SegmentationException(
                    SegmentationError.Overloaded,
                    "No room for the job's answers: the limit on the bytes of all jobs (Jobs:MaxBytes) is reached. "
                    + "Delete finished jobs, and upload this job again.");
            }

            await writer.WriteAsync(answer, output, cancellationToken);
            job.AnswerBytes = answers.Length;
            bool failed = answer.Failure is not null;
            JobStatus status = job.Status;
            job.Status = failed ? status with { Failures = status.Failures + 1 } : status with { Masks = status.Masks + 1 };
        }
    }

    private void End(Job job, JobState state, string? reason)
    {
        JobStatus end = job.Status with { State = state, Reason = reason, Ended = time.GetUtcNow() };
        try
        {
            folder.Finish(end);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.JobNotNoted(logger, e, end.Id);
        }

        job.Status = end;
        if (job.Deleted.IsCancellationRequested)
        {
            folder.Remove(end.Id);
        }
    }
}
