using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>Takes many images down the road, a few at once, and hands out each answer as soon as it is there.</summary>
internal sealed class BulkRunner(RetryingAdmission admission, SegmentHandler road, ImageDecoder decoder, SegmentationMetrics metrics, IOptions<BulkOptions> options, ILogger<BulkRunner> logger)
{
    /// <summary>Segments the images.</summary>
    /// <param name="upload">The images.</param>
    /// <param name="order">What is wanted of them.</param>
    /// <param name="answer">Takes each answer, never two at once; the image keeps its place in the server meanwhile.</param>
    /// <param name="cancellationToken">Ends all.</param>
    /// <param name="answered">Images that have an answer already, by their place.</param>
    /// <exception cref="SegmentationException">What is wrong with all the rest: the upload is damaged, or holds too much. What was read before it is answered.</exception>
    public async Task RunAsync(Upload upload, BulkSettings order, Func<BulkAnswer, Task> answer, CancellationToken cancellationToken, IReadOnlySet<int>? answered = null)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using IAsyncEnumerator<BulkImage> images = upload.ImagesAsync(options.Value, decoder.Limits.MaxBytes, stop.Token).GetAsyncEnumerator(stop.Token);
        using SemaphoreSlim taking = new(1), answering = new(1);
        await Task.WhenAll(Enumerable.Range(0, options.Value.Concurrency).Select(_ => WorkAsync()));

        async Task WorkAsync()
        {
            while (await TakeAsync() is { } turn)
            {
                using (turn)
                {
                    try
                    {
                        await AnswerAsync(turn);
                    }
                    catch
                    {
                        await stop.CancelAsync(); // one broken connection is enough
                        throw;
                    }
                }
            }
        }

        // One image at a time is out of its file and not yet let in.
        async Task<BulkItem?> TakeAsync()
        {
            await taking.WaitAsync(stop.Token);
            try
            {
                if (await NextAsync() is not { } image)
                {
                    return null;
                }

                using Owned<BulkItem> item = new(new BulkItem(image, order, admission, road, metrics, logger));
                await item.Value.EnterAsync(stop.Token);
                return item.Release();
            }
            finally
            {
                taking.Release();
            }
        }

        async Task<BulkImage?> NextAsync()
        {
            while (await images.MoveNextAsync())
            {
                if (answered?.Contains(images.Current.Index) is not true)
                {
                    return images.Current;
                }

                images.Current.Bytes.Dispose();
            }

            return null;
        }

        async Task AnswerAsync(BulkItem turn)
        {
            BulkAnswer made = await turn.SegmentAsync(stop.Token);
            await answering.WaitAsync(stop.Token);
            try
            {
                await answer(made);
                turn.Answered();
            }
            finally
            {
                answering.Release();
            }
        }
    }
}
