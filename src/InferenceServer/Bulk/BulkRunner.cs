using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>Segments many images, a few at the same time, and passes on each answer as soon as it is
/// finished.</summary>
internal sealed class BulkRunner(
    RetryingAdmission admission, SegmentHandler handler, ImageDecoder decoder, SegmentationMetrics metrics,
    IOptions<BulkOptions> options, ILogger<BulkRunner> logger)
{
    /// <summary>Segments the images.</summary>
    /// <param name="upload">The images.</param>
    /// <param name="settings">Their settings.</param>
    /// <param name="answer">Writes an answer. Never called for two answers at the same time; the image has given its place
    /// back by then, where there is room for the answer.</param>
    /// <param name="cancellationToken">Cancels all images.</param>
    /// <exception cref="SegmentationException">The upload is damaged or too large. Images before the fault are
    /// answered.</exception>
    public async Task RunAsync(
        Upload upload, BulkSettings settings, Func<BulkAnswer, Task> answer, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using IAsyncEnumerator<BulkImage> images =
            upload.ImagesAsync(options.Value, decoder.Limits.MaxBytes, stop.Token).GetAsyncEnumerator(stop.Token);
        using SemaphoreSlim taking = new(1), answering = new(1);
        await Task.WhenAll(Enumerable.Range(0, options.Value.Concurrency).Select(_ => WorkAsync()));

        async Task WorkAsync()
        {
            while (await TakeAsync() is { } item)
            {
                using (item)
                {
                    try
                    {
                        await AnswerAsync(item);
                    }
                    catch
                    {
                        await stop.CancelAsync(); // the connection is broken: the other images are useless
                        throw;
                    }
                }
            }
        }

        // Only one image at a time is read and not yet admitted, since no limit counts its bytes.
        async Task<BulkItem?> TakeAsync()
        {
            await taking.WaitAsync(stop.Token);
            try
            {
                if (!await images.MoveNextAsync())
                {
                    return null;
                }

                using Owned<BulkItem> item = new(Item(images.Current, settings));
                await item.Value.EnterAsync(stop.Token);
                return item.Release();
            }
            finally
            {
                taking.Release();
            }
        }

        async Task AnswerAsync(BulkItem item)
        {
            BulkAnswer made = item.Leave(await item.SegmentAsync(stop.Token));
            await answering.WaitAsync(stop.Token);
            try
            {
                await answer(made);
                item.Answered();
            }
            finally
            {
                answering.Release();
            }
        }
    }

    /// <summary>Segments one image, as soon as the server has room for it.</summary>
    /// <param name="image">The image; its buffer is disposed.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="answer">Stores the answer; the image keeps its permit meanwhile.</param>
    /// <param name="cancellationToken">Cancels the image.</param>
    public async Task SegmentAsync(
        BulkImage image, BulkSettings settings, Func<BulkAnswer, Task> answer, CancellationToken cancellationToken)
    {
        using BulkItem item = Item(image, settings);
        await item.EnterAsync(cancellationToken);
        await answer(await item.SegmentAsync(cancellationToken));
        item.Answered();
    }

    private BulkItem Item(BulkImage image, BulkSettings settings) => new(image, settings, admission, handler, metrics, logger);
}
