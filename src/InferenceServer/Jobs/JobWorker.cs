using System.Text.Json;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Works on jobs, at priority batch: as many workers as <c>Jobs:Workers</c> take work from the queue.</summary>
internal sealed class JobWorker(
    IWorkQueue queue, JobRegistry registry, JobRecords records, JobPlanner planner, ChunkRunner chunks,
    JobFinisher finisher, ModelRepository repository, IOptions<JobOptions> options, TimeProvider time, ILogger<JobWorker> logger)
    : BackgroundService
{
    // Several times within the time after which a queue gives the work away.
    private static readonly TimeSpan KeepInterval = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2), LongestDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestFull = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ModelDelay = TimeSpan.FromMilliseconds(100);

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.Path.Length == 0)
        {
            return Task.CompletedTask;
        }

        return Task.WhenAll(Enumerable.Range(0, options.Value.Workers).Select(_ => WorkAsync(stoppingToken)));
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            IWorkLease work = await queue.TakeAsync(stoppingToken);
            await HandleAsync(work, stoppingToken);
        }
    }

    // One error of one job must not end the work on others.
    private async Task HandleAsync(IWorkLease work, CancellationToken stoppingToken)
    {
        using CancellationTokenSource done = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        Task keeping = KeepAsync(work, done.Token);
        try
        {
            await RunAsync(work, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await work.PutBackAsync(TimeSpan.Zero); // another server goes on at once
        }
        catch (SegmentationException e) when (e.Error == SegmentationError.ModelNotReady)
        {
            await work.PutBackAsync(queue.IsShared ? RetryDelay : ModelDelay);
        }
        catch (SegmentationException e) when (e.Error == ErrorTable.RateLimited)
        {
            await work.PutBackAsync(e.RetryAfter < LongestDelay ? e.RetryAfter.Value : LongestDelay);
        }
        catch (StorageException e)
        {
            registry.StoreFailed(e);
            await work.PutBackAsync(RetryDelay);
        }
        catch (IOException e)
        {
            Log.PutBack(logger, work.Item.Id, e.Message);
            await work.PutBackAsync(RetryDelay);
        }
        catch (Exception e)
        {
            Log.WorkFailed(logger, e, work.Item.Id);
            await work.PutBackAsync(LongestDelay);
        }
        finally
        {
            await done.CancelAsync();
            await keeping;
        }
    }

    private async Task RunAsync(IWorkLease work, CancellationToken stoppingToken)
    {
        Job? job = await registry.FindAsync(work.Item.Job, stoppingToken);
        if (job is not null)
        {
            using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(
                stoppingToken, job.Deleted);
            try
            {
                await RunAsync(job, work, stop.Token);
            }
            catch (OperationCanceledException) when (job.Deleted.IsCancellationRequested)
            {
                // What this worker wrote after the records were removed goes, too.
                await records.RemoveAsync(job.Id, stoppingToken);
            }
            catch (SegmentationException e) when (!IsForLater(e))
            {
                await finisher.FailAsync(job, e.Message, stoppingToken);
            }
            catch (IOException e) when (FullVolume.IsReasonOf(e) && job.VolumeFull() > LongestFull)
            {
                Log.JobFailed(logger, e, job.Id);
                await finisher.FailFullAsync(
                    job,
                    "A volume of the server had no room for the job's answers for a minute. Make room, or send the job with a target. "
                    + "The answers before that are kept.",
                    stoppingToken);
            }
            // A store that is away comes back, and a full volume may get room; another try at the rest would fail in the same way.
            catch (Exception e) when (e is StorageException { IsTransient: false }
                or not (IOException or SegmentationException or OperationCanceledException))
            {
                Log.JobFailed(logger, e, job.Id);
                await finisher.FailAsync(job, Reason(e), stoppingToken);
            }
        }

        await work.CompleteAsync();
    }

    private async Task RunAsync(Job job, IWorkLease work, CancellationToken cancellationToken)
    {
        switch (work.Item.Kind)
        {
            case WorkKind.Plan when job.Progress is null && !job.IsEnded:
                // A job of an unknown model fails before its sources are listed.
                repository.Lease(job.Stored.Request.Model).Dispose();
                job.Planned(await planner.PlanAsync(job.Id, job.Stored.Request, cancellationToken));
                await registry.EnqueueAsync(job, isFound: false, cancellationToken);
                break;
            case WorkKind.Chunk when !job.IsEnded:
                await RunChunkAsync(job, work, cancellationToken);
                break;
            case WorkKind.Finish:
                await registry.RefreshAsync(job, cancellationToken);
                if (job.IsEnded || job.Progress?.IsComplete is true)
                {
                    await finisher.FinishAsync(job, cancellationToken);
                }

                break;
            default: // done before
                break;
        }
    }

    private async Task RunChunkAsync(Job job, IWorkLease work, CancellationToken cancellationToken)
    {
        int chunk = work.Item.Chunk;
        if (job.Progress is null)
        {
            await registry.RefreshAsync(job, cancellationToken);
        }

        if (job.IsEnded)
        {
            return; // its records are damaged
        }

        JobProgress progress = job.Progress ?? throw new StorageException(
            $"The plan of job {job.Id} cannot be read yet.", isTransient: true);
        bool isDone = progress.Has(chunk)
            || (work.IsRepeated && await records.IsFinishedAsync(job.Id, chunk, cancellationToken));
        if (!isDone)
        {
            await chunks.RunAsync(job, chunk, work.IsRepeated, cancellationToken);
        }

        // The chain of chunks goes on; its last one looks whether all chains are at their end.
        int next = chunk + JobPlan.Window;
        if (next < progress.Plan.Chunks)
        {
            await queue.AddAsync(new WorkItem(job.Id, WorkKind.Chunk, next), cancellationToken);
            return;
        }

        await registry.RefreshAsync(job, cancellationToken);
        if (progress.IsComplete)
        {
            await queue.AddAsync(new WorkItem(job.Id, WorkKind.Finish), cancellationToken);
        }
    }

    private static string Reason(Exception e) => e switch
    {
        StorageException => e.Message,
        JsonException => JobRegistry.DamagedRecords,
        _ => "The server failed; its log has the reason.",
    };

    private static bool IsForLater(SegmentationException e) =>
        e.Error == SegmentationError.ModelNotReady || e.Error == ErrorTable.RateLimited;

    private async Task KeepAsync(IWorkLease work, CancellationToken cancellationToken)
    {
        try
        {
            using PeriodicTimer timer = new(KeepInterval, time);
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                await work.KeepAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The work is done.
        }
    }
}
