using System.Text.Json;
using InferenceServer.Hosting;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Jobs;

/// <summary>Writes what tells that a job has ended.</summary>
internal sealed class JobFinisher(
    JobRecords records, JobPlaces places, Webhook webhook, JobRegistry registry, TimeProvider time) : IDisposable
{
    private const string Lines = "application/x-ndjson", Json = "application/json";

    // Chunks that are read ahead: a million images have 62,500 of them, each a request to the store.
    private const int Ahead = 16;

    private readonly CancellationTokenSource _stop = new();

    /// <summary>Ends a job whose chunks are all finished: answers, failures and <c>_SUCCESS</c> in its target, then its
    /// status, then the webhook.</summary>
    /// <exception cref="StorageException">A store is away; the same call may be made again.</exception>
    public async Task FinishAsync(Job job, CancellationToken cancellationToken)
    {
        if (!job.IsEnded)
        {
            JobProgress progress = job.Progress!;
            (int done, int failed) = progress.Count;
            if (job.Stored.Request.Target is { } target)
            {
                IObjectStore store = places.Open(target);
                await WriteAsync(
                    store, JobPlanner.AnswersFile,
                    output => CopyAnswersAsync(job, output, cancellationToken), cancellationToken);
                await WriteAsync(
                    store, JobPlanner.FailuresFile,
                    async output =>
                    {
                        foreach (FinishedChunk chunk in progress.WithFailures)
                        {
                            Stream? lines = await records.OpenFailedLinesAsync(job.Id, chunk, cancellationToken);
                            await CopyAsync(lines, output, cancellationToken);
                        }
                    },
                    cancellationToken);
                JobTotals totals = new(progress.Plan.Total, done, failed);
                using MemoryStream success = new(JsonSerializer.SerializeToUtf8Bytes(totals, JobJson.Default.JobTotals));
                await store.WriteAsync(JobPlanner.SuccessFile, success, Json, WriteMode.Replace, cancellationToken);
            }

            await EndAsync(job, JobState.Done, reason: null, cancellationToken);
            await records.TidyAsync(job.Id, cancellationToken);
        }

        _ = TellAsync(job);
    }

    /// <summary>Ends a job that cannot go on, and gives back the room of its uploaded images.</summary>
    public async Task FailAsync(Job job, string reason, CancellationToken cancellationToken)
    {
        await EndAsync(job, JobState.Failed, reason, cancellationToken);
        await records.TidyAsync(job.Id, cancellationToken);
        _ = TellAsync(job);
    }

    /// <summary>Ends a job for which a volume is full. Its uploaded images go first, so that there is room for its
    /// end.</summary>
    public async Task FailFullAsync(Job job, string reason, CancellationToken cancellationToken)
    {
        await records.TidyAsync(job.Id, cancellationToken);
        await FailAsync(job, reason, cancellationToken);
    }

    /// <summary>Ends calls of webhooks; the next start makes them again.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    /// <summary>Copies the answers of all finished chunks, in the order of the images.</summary>
    public async Task CopyAnswersAsync(Job job, Stream output, CancellationToken cancellationToken)
    {
        Queue<Task<Stream?>> ahead = [];
        int next = 0;
        try
        {
            while (true)
            {
                for (; ahead.Count < Ahead && next < job.Progress!.Plan.Chunks; next++)
                {
                    if (job.Progress.Has(next))
                    {
                        ahead.Enqueue(records.OpenLinesAsync(job.Id, next, cancellationToken));
                    }
                }

                if (!ahead.TryPeek(out Task<Stream?>? lines))
                {
                    return;
                }

                await CopyAsync(await lines, output, cancellationToken);
                _ = ahead.Dequeue();
            }
        }
        finally
        {
            await Task.WhenAll(ahead.Select(DropAsync));
        }
    }

    private static async Task DropAsync(Task<Stream?> unread)
    {
        try
        {
            await ((await unread)?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It has no reader.
        }
    }

    private static async Task CopyAsync(Stream? lines, Stream output, CancellationToken cancellationToken)
    {
        await using (lines)
        {
            await (lines?.CopyToAsync(output, cancellationToken) ?? Task.CompletedTask);
        }
    }

    private static async Task WriteAsync(
        IObjectStore store, string key, Func<Stream, Task> fillAsync, CancellationToken cancellationToken)
    {
        await using FileStream file = PrivateFiles.CreateTemporary();
        await fillAsync(file);
        file.Position = 0;
        await store.WriteAsync(key, file, Lines, WriteMode.Replace, cancellationToken);
    }

    private async Task EndAsync(Job job, JobState state, string? reason, CancellationToken cancellationToken)
    {
        JobStatus end = job.Status with
        {
            State = state, Reason = reason, Rate = null, Eta = null, Ended = time.GetUtcNow(),
        };
        await records.EndAsync(end, cancellationToken);
        job.Ended(end);
    }

    // Beside the workers: a host that does not answer must not hold up the jobs of others.
    private async Task TellAsync(Job job)
    {
        if (job.Stored.Request.Notify is not { } notify)
        {
            return;
        }

        try
        {
            CancellationToken stop = _stop.Token;
            if (!await records.IsNotedAsync(job.Id, stop))
            {
                await webhook.TellAsync(notify.Webhook, job.Status, stop);
                await records.NotedAsync(job.Id, stop);
            }
        }
        catch (IOException e)
        {
            registry.StoreFailed(e);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The server stops.
        }
    }
}
