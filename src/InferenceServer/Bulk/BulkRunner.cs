using System.Threading.Channels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>Takes many images down the road, a few at once, and hands out each answer as soon as it is there.</summary>
internal sealed class BulkRunner(Segmenter segmenter, MaskRoad road, ImageDecoder decoder, IOptions<BulkOptions> options, TimeProvider time)
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(1);

    /// <summary>Segments the images.</summary>
    /// <param name="upload">The images.</param>
    /// <param name="arrival">What the request says of itself; each image is let in by it, and has its time.</param>
    /// <param name="order">What is wanted of each.</param>
    /// <param name="answer">Takes each answer, never two at once; it disposes none.</param>
    /// <param name="cancellationToken">Ends all.</param>
    /// <param name="answered">Images that have an answer already, by their place.</param>
    /// <exception cref="SegmentationException">What is wrong with all: the upload is damaged, or holds too much.</exception>
    public async Task RunAsync(Upload upload, Arrival arrival, MaskOrder order, Func<BulkAnswer, Task> answer, CancellationToken cancellationToken, IReadOnlySet<int>? answered = null)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<BulkImage> images = Channel.CreateBounded<BulkImage>(1);
        using SemaphoreSlim one = new(1);
        Task[] workers = [.. Enumerable.Range(0, options.Value.Concurrency).Select(_ => WorkAsync())];
        Task read = ReadAsync();
        try
        {
            await Task.WhenAll([read, .. workers]);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll([read, .. workers]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (images.Reader.TryRead(out BulkImage? left))
            {
                left.Bytes.Dispose();
            }
        }

        async Task ReadAsync()
        {
            try
            {
                await foreach (BulkImage image in upload.ImagesAsync(options.Value, decoder.Limits.MaxBytes, stop.Token))
                {
                    if (answered?.Contains(image.Index) is true)
                    {
                        image.Bytes.Dispose();
                        continue;
                    }

                    await images.Writer.WriteAsync(image, stop.Token);
                }
            }
            finally
            {
                images.Writer.Complete();
            }
        }

        async Task WorkAsync()
        {
            try
            {
                await foreach (BulkImage image in images.Reader.ReadAllAsync(stop.Token))
                {
                    using PooledBufferWriter mask = new();
                    BulkAnswer made = await SegmentAsync(image, arrival with { Caller = stop.Token }, order, mask, stop.Token);
                    await one.WaitAsync(stop.Token);
                    try
                    {
                        await answer(made);
                    }
                    finally
                    {
                        one.Release();
                    }
                }
            }
            catch
            {
                await stop.CancelAsync(); // one broken connection is enough
                throw;
            }
        }
    }

    private async Task<BulkAnswer> SegmentAsync(BulkImage image, Arrival arrival, MaskOrder order, PooledBufferWriter mask, CancellationToken cancellationToken)
    {
        bool isTaken = false;
        try
        {
            using AdmittedRequest admitted = await AdmitAsync(arrival with { Bytes = image.Bytes.Written.Length }, cancellationToken);
            isTaken = true;
            (SegmentationResult result, string contentType) = await road.SegmentAsync(admitted, order, (_, _, _) => Task.FromResult(image.Bytes), new StageTimings(), mask);
            return new BulkAnswer(image, contentType, mask, result.Labels.Size.Width, result.Labels.Size.Height, Failure: null);
        }
        catch (SegmentationException e)
        {
            return new BulkAnswer(image, ContentType: null, mask, Width: 0, Height: 0, e);
        }
        finally
        {
            if (!isTaken)
            {
                image.Bytes.Dispose();
            }
        }
    }

    // Whoever sends many images at once has time: a full server is waited for, not complained about.
    private async Task<AdmittedRequest> AdmitAsync(Arrival arrival, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (segmenter.TryAdmit(arrival, out AdmittedRequest? admitted, out SegmentationException? refusal))
            {
                return admitted;
            }

            await Task.Delay(refusal.RetryAfter ?? UsualWait, time, cancellationToken);
        }
    }
}
