using System.IO.Pipelines;
using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Jobs;

/// <summary>Works on one job after another, at priority batch; a job that a restart has interrupted goes on where it was.</summary>
internal sealed class JobWorker(JobStore store, JobFolder folder, BulkRunner runner, ModelRepository repository, KeyRing keys, TimeProvider time, ILogger<JobWorker> logger) : BackgroundService
{
    private static readonly TimeSpan ModelInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromMinutes(1);

    /// <summary>Finds the jobs of an earlier run, before the first request may ask for one.</summary>
    /// <param name="cancellationToken">Ends the start.</param>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (folder.IsEnabled)
        {
            folder.Open();
            store.Load();
        }

        return base.StartAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        folder.IsEnabled ? Task.WhenAll(WorkAsync(stoppingToken), ExpireAsync(stoppingToken)) : Task.CompletedTask;

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
        await foreach (Job job in store.Line.ReadAllAsync(stoppingToken))
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
            using ModelLease model = repository.Lease(job.Request.Model); // held, so that one version answers all that are left
            if (job.TryStart())
            {
                await SegmentAsync(job, model, stoppingToken);
            }
        }
        catch (SegmentationException e) when (e.Error == SegmentationError.ModelNotReady)
        {
            store.PutBack(job); // it has waited and can wait; those behind it may ask for another model
            await Task.Delay(ModelInterval, time, stoppingToken);
        }
        catch (SegmentationException e)
        {
            End(job, JobState.Failed, e.Message);
        }
    }

    private async Task SegmentAsync(Job job, ModelLease model, CancellationToken stoppingToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, job.Deleted);
        try
        {
            await SegmentAsync(job, new BulkSettings(model, job.Request.Settings, keys.Budget(job.Request.Owner), "/v1/jobs"), stop.Token);
            End(job, JobState.Done, reason: null);
        }
        catch (OperationCanceledException) when (job.Deleted.IsCancellationRequested)
        {
            folder.Remove(job.Status.Id);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next start goes on with it.
        }
        catch (SegmentationException e)
        {
            End(job, JobState.Failed, e.Message);
        }
        catch (Exception e) // whatever one job does, the others and the server go on
        {
            Log.JobFailed(logger, e, job.Status.Id);
            End(job, JobState.Failed, e is IOException or UnauthorizedAccessException ? "The server could not read or write the job's files." : "The server failed at it; its log says more.");
        }
    }

    private async Task SegmentAsync(Job job, BulkSettings order, CancellationToken cancellationToken)
    {
        string id = job.Status.Id;
        using Upload upload = Upload.Open(folder.Upload(id), job.Request.ContentType);
        await using FileStream answers = new(folder.Answers(id), FileMode.Append, FileAccess.Write, FileShare.Read);
        long limit = answers.Length + store.Room;
        PipeWriter output = PipeWriter.Create(answers, new StreamPipeWriterOptions(leaveOpen: true));
        NdjsonWriter writer = new();
        try
        {
            await runner.RunAsync(upload, order, AnswerAsync, cancellationToken, job.Answered);
        }
        finally
        {
            await output.CompleteAsync();
            answers.SetLength(job.AnswerBytes); // what broke off in the middle of a line
        }

        async Task AnswerAsync(BulkAnswer answer)
        {
            if (answers.Length + answer.Mask.Length > limit)
            {
                throw new SegmentationException(SegmentationError.Overloaded, "The jobs take as many bytes as they may (Jobs:MaxBytes); delete some that are done, and hand this one in again.");
            }

            await writer.WriteAsync(answer, output, cancellationToken);
            job.AnswerBytes = answers.Length;
            bool failed = answer.Failure is not null;
            job.Status = job.Status with { Masks = job.Status.Masks + (failed ? 0 : 1), Failures = job.Status.Failures + (failed ? 1 : 0) };
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
