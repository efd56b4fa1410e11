using System.IO.Pipelines;
using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Errors;
using InferenceServer.Fetching;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Storage;
using InferenceServer.Segment;

namespace InferenceServer.Jobs;

/// <summary>Segments the images of one chunk, one after another.</summary>
internal sealed class ChunkRunner(
    JobRecords records, JobPlaces places, BulkRunner runner, ImageFetcher fetcher, ImageDecoder decoder,
    ModelRepository repository, KeyRing keys, JobRegistry registry)
{
    // A server that is stopped hard is not the image's fault; three servers that end over one image are no chance.
    private const int MostDeaths = 3;

    /// <summary>Segments the images and stores their answers.</summary>
    /// <param name="job">The job.</param>
    /// <param name="chunk">The chunk's number.</param>
    /// <param name="isRepeated">Whether the chunk may have been begun before: then masks may be there already, and an image
    /// that ends servers is found.</param>
    /// <param name="cancellationToken">Cancels the work; nothing of it counts then.</param>
    /// <exception cref="SegmentationException">The model is not ready, or the whole job cannot go on.</exception>
    /// <exception cref="StorageException">A store is away.</exception>
    public async Task RunAsync(Job job, int chunk, bool isRepeated, CancellationToken cancellationToken)
    {
        JobPlan plan = job.Progress!.Plan;
        JobItem[] items = await records.ItemsAsync(job.Id, plan, chunk, cancellationToken);
        // Held, so that the same version answers all images of the chunk.
        using ModelLease model = repository.Lease(job.Stored.Request.Model);
        job.Started();
        await using ChunkAnswers answers = new();
        BulkSettings settings = new(model, job.Stored.Request.Settings, keys.Budget(job.Stored.Owner), "/v1/jobs");
        MaskTarget? target = job.Stored.Request.Target is { } place ? new MaskTarget(place, places.Open(place)) : null;
        Chunk work = new(job, settings, target, answers, isRepeated);
        JobTry? tried = isRepeated ? await records.TriedAsync(job.Id, chunk, cancellationToken) : null;
        for (int i = 0; i < items.Length; i++)
        {
            int index = (chunk * plan.ChunkSize) + i;
            int deaths = tried?.Index == index ? tried.Deaths + 1 : 0;
            if (isRepeated)
            {
                await records.TryAsync(job.Id, chunk, new JobTry(index, deaths), cancellationToken);
            }

            await AnswerAsync(work, items[i], index, deaths, cancellationToken);
        }

        if (answers.Length > registry.Room(job))
        {
            throw new SegmentationException(
                SegmentationError.Overloaded,
                "No room for the job's answers: the limit on the bytes of all jobs (Jobs:MaxBytes) is reached. "
                + "Delete finished jobs and send this job again, or give it a target.");
        }

        (Stream all, Stream failures) = await answers.ReadAsync();
        await records.FinishAsync(job.Id, chunk, all, failures, answers.Failed, cancellationToken);
        if (isRepeated)
        {
            await records.TriedAllAsync(job.Id, chunk, cancellationToken);
        }

        job.Finished(new FinishedChunk(chunk, answers.Failed, answers.Length));
    }

    private async Task AnswerAsync(Chunk work, JobItem item, int index, int deaths, CancellationToken cancellationToken)
    {
        using PooledBufferWriter nothing = new();
        BulkImage unread = new(index, item.Name, nothing);
        if (deaths >= MostDeaths)
        {
            await work.Answers.WriteAsync(
                BulkAnswer.Failed(unread, new SegmentationException(
                    SegmentationError.InferenceFailed,
                    $"The server ended {MostDeaths} times while it worked on this image.")),
                cancellationToken);
            return;
        }

        if (item.Fault is { } fault)
        {
            await work.Answers.WriteAsync(
                BulkAnswer.Failed(unread, new SegmentationException(SegmentationError.UndecodableImage, fault)), cancellationToken);
            return;
        }

        if (work.Target?.Planned(unread, item) is { } planned)
        {
            await work.Answers.WriteAsync(planned, cancellationToken);
            return;
        }

        PooledBufferWriter bytes;
        try
        {
            bytes = await ReadAsync(work.Job, item, cancellationToken);
        }
        catch (SegmentationException e)
        {
            await work.Answers.WriteAsync(BulkAnswer.Failed(unread, e), cancellationToken);
            return;
        }

        await runner.SegmentAsync(
            new BulkImage(index, item.Name, bytes), work.Settings,
            async answer =>
            {
                if (work.Target is { } target)
                {
                    answer = await target.StoreAsync(answer, item, work.IsRepeated, cancellationToken);
                }

                await work.Answers.WriteAsync(answer, cancellationToken);
            },
            cancellationToken);
    }

    // A failure that another try cannot mend is the image's.
    private async Task<PooledBufferWriter> ReadAsync(Job job, JobItem item, CancellationToken cancellationToken)
    {
        if (item.Source >= 0 && job.Stored.Request.Sources[item.Source].Urls is not null)
        {
            return await fetcher.FetchAsync(
                item.Key, authorization: null, decoder.Limits.MaxBytes, _ => { }, cancellationToken);
        }

        try
        {
            await using Stream? content = item.Source < 0
                ? await records.OpenImageAsync(job.Id, item.Key, cancellationToken)
                : await places.Open(job.Stored.Request.Sources[item.Source]).OpenAsync(item.Key, cancellationToken);
            if (content is not null)
            {
                return await BodyReader.ReadAsync(
                    content, length: null, decoder.Limits.MaxBytes, _ => { }, "The image", cancellationToken);
            }

            throw new SegmentationException(ErrorTable.ImageNotFetched, "The image is no longer there.");
        }
        catch (StorageException e) when (!e.IsTransient)
        {
            throw new SegmentationException(ErrorTable.ImageNotFetched, e.Message, e);
        }
    }

    /// <summary>A chunk in progress.</summary>
    private sealed record Chunk(
        Job Job, BulkSettings Settings, MaskTarget? Target, ChunkAnswers Answers, bool IsRepeated);

    /// <summary>The lines of a chunk, and once more those of images that failed, in temporary files: masks may be
    /// large.</summary>
    private sealed class ChunkAnswers : IAsyncDisposable
    {
        private readonly NdjsonWriter _writer = new();
        private readonly FileStream _all = PrivateFiles.CreateTemporary(), _failures = PrivateFiles.CreateTemporary();
        private readonly PipeWriter _toAll, _toFailures;

        public ChunkAnswers()
        {
            StreamPipeWriterOptions keepOpen = new(leaveOpen: true);
            (_toAll, _toFailures) = (PipeWriter.Create(_all, keepOpen), PipeWriter.Create(_failures, keepOpen));
        }

        /// <summary>Images that failed.</summary>
        public int Failed { get; private set; }

        /// <summary>Bytes of all lines.</summary>
        public long Length => _all.Length;

        /// <exception cref="SegmentationException">The key's budget is used up: it comes back, and the image waits with
        /// its chunk.</exception>
        public async Task WriteAsync(BulkAnswer answer, CancellationToken cancellationToken)
        {
            if (answer.Failure is { } failure && failure.Error == ErrorTable.RateLimited)
            {
                throw failure;
            }

            await _writer.WriteAsync(answer, _toAll, cancellationToken);
            if (answer.Failure is not null)
            {
                Failed++;
                await _writer.WriteAsync(answer, _toFailures, cancellationToken);
            }
        }

        /// <summary>Both files from their start, after the last line.</summary>
        public async Task<(Stream All, Stream Failures)> ReadAsync()
        {
            await _toAll.FlushAsync();
            await _toFailures.FlushAsync();
            return (await RewindAsync(_all), await RewindAsync(_failures));
        }

        private static async Task<Stream> RewindAsync(FileStream file)
        {
            await file.FlushAsync();
            file.Position = 0;
            return file;
        }

        public async ValueTask DisposeAsync()
        {
            await _toAll.CompleteAsync();
            await _toFailures.CompleteAsync();
            await _all.DisposeAsync();
            await _failures.DisposeAsync();
        }
    }
}
