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
        BulkSettings settings = new(model, job.Stored.Request.Settings, keys.Budget(job.Stored.Owner), "/v1/jobs");
        await using Lines all = new(), failures = new();
        JobTry? tried = isRepeated ? await records.TriedAsync(job.Id, chunk, cancellationToken) : null;
        int failed = 0;
        for (int i = 0; i < items.Length; i++)
        {
            int index = (chunk * plan.ChunkSize) + i;
            int deaths = tried?.Index == index ? tried.Deaths + 1 : 0;
            if (isRepeated)
            {
                await records.TryAsync(job.Id, chunk, new JobTry(index, deaths), cancellationToken);
            }

            await AnswerAsync(items[i], index, deaths);
        }

        if (all.Length > registry.Room)
        {
            throw new SegmentationException(
                SegmentationError.Overloaded,
                "No room for the job's answers: the limit on the bytes of all jobs (Jobs:MaxBytes) is reached. "
                + "Delete finished jobs and send this job again, or give it a target.");
        }

        await records.FinishAsync(
            job.Id, chunk, await all.ReadAsync(), await failures.ReadAsync(), failed, cancellationToken);
        if (isRepeated)
        {
            await records.TriedAllAsync(job.Id, chunk, cancellationToken);
        }

        job.Finished(new FinishedChunk(chunk, failed, all.Length));

        async Task AnswerAsync(JobItem item, int index, int deaths)
        {
            using PooledBufferWriter nothing = new();
            BulkImage unread = new(index, item.Name, nothing);
            if (deaths >= MostDeaths)
            {
                await WriteAsync(BulkAnswer.Failed(unread, new SegmentationException(
                    SegmentationError.InferenceFailed,
                    $"The server ended {MostDeaths} times while it worked on this image.")));
                return;
            }

            if (item.Exists && job.Stored.Request.Target!.Existing != ExistingMask.Overwrite)
            {
                bool isKept = job.Stored.Request.Target.Existing == ExistingMask.Skip;
                await WriteAsync(isKept ? BulkAnswer.Kept(unread, Place(item)) : BulkAnswer.Failed(unread, Exists(item)));
                return;
            }

            PooledBufferWriter bytes;
            try
            {
                bytes = await ReadAsync(job, item, cancellationToken);
            }
            catch (SegmentationException e)
            {
                await WriteAsync(BulkAnswer.Failed(unread, e));
                return;
            }

            await runner.SegmentAsync(
                new BulkImage(index, item.Name, bytes), settings,
                async answer => await WriteAsync(await StoreAsync(answer, item)), cancellationToken);
        }

        async Task WriteAsync(BulkAnswer answer)
        {
            // The key's budget comes back: the image waits with its chunk.
            if (answer.Failure is { } failure && failure.Error == ErrorTable.RateLimited)
            {
                throw failure;
            }

            await all.WriteAsync(answer, cancellationToken);
            if (answer.Failure is not null)
            {
                failed++;
                await failures.WriteAsync(answer, cancellationToken);
            }
        }

        // Puts the mask into the target, where the job has one.
        async Task<BulkAnswer> StoreAsync(BulkAnswer answer, JobItem item)
        {
            if (answer.Failure is not null || job.Stored.Request.Target is not { } target)
            {
                return answer;
            }

            WriteMode mode = target.Existing == ExistingMask.Overwrite ? WriteMode.Replace : WriteMode.New;
            IObjectStore store = places.Open(target);
            try
            {
                using MemoryStream mask = new(answer.Mask.ToArray(), writable: false);
                bool isWritten = await store.WriteAsync(item.Output!, mask, answer.ContentType!, mode, cancellationToken);
                // A mask that was not there when the job was planned is its own where the chunk was begun before, and where
                // another worker that was given the same chunk has written the same bytes.
                if (isWritten || isRepeated || await HoldsAsync(store, item.Output!, answer.Mask))
                {
                    return answer with { Output = Place(item) };
                }

                return BulkAnswer.Failed(answer.Image, Exists(item));
            }
            catch (StorageException e) when (!e.IsTransient)
            {
                return BulkAnswer.Failed(
                    answer.Image, new SegmentationException(SegmentationError.InvalidRequest, e.Message, e));
            }
        }

        async Task<bool> HoldsAsync(IObjectStore store, string key, ReadOnlyMemory<byte> mask)
        {
            await using Stream? content = await store.OpenAsync(key, cancellationToken);
            if (content is null)
            {
                return false;
            }

            using MemoryStream there = new();
            await content.CopyToAsync(there, cancellationToken);
            return mask.Span.SequenceEqual(there.GetBuffer().AsSpan(0, (int)there.Length));
        }

        string Place(JobItem item) => $"{JobPlaces.Location(job.Stored.Request.Target!)}/{item.Output}";

        SegmentationException Exists(JobItem item) => new(
            SegmentationError.InvalidRequest,
            $"The mask '{Place(item)}' exists and is not this job's. "
            + "Delete it, or set target.existing to skip or overwrite.");
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

    /// <summary>Lines of JSON in a temporary file: masks may be large.</summary>
    private sealed class Lines : IAsyncDisposable
    {
        private readonly NdjsonWriter _writer = new();
        private readonly FileStream _file = PrivateFiles.CreateTemporary();
        private readonly PipeWriter _output;

        public Lines() => _output = PipeWriter.Create(_file, new StreamPipeWriterOptions(leaveOpen: true));

        public long Length => _file.Length;

        public Task WriteAsync(BulkAnswer answer, CancellationToken cancellationToken) =>
            _writer.WriteAsync(answer, _output, cancellationToken);

        public async Task<Stream> ReadAsync()
        {
            await _output.FlushAsync();
            await _file.FlushAsync();
            _file.Position = 0;
            return _file;
        }

        public async ValueTask DisposeAsync()
        {
            await _output.CompleteAsync();
            await _file.DisposeAsync();
        }
    }
}
