using System.Net;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;

namespace InferenceServer.Cli.Segment;

/// <summary>Segments images, several at a time. An error of one image does not stop the others.</summary>
internal sealed class SegmentBatch(IMaskSource masks, Pace pace, Terminal terminal)
{
    private int _written;

    /// <summary>Runs all jobs. Prints the path of each mask when the mask is written, and each error.</summary>
    /// <returns>The number of images without a mask.</returns>
    public async Task<int> RunAsync(IReadOnlyList<SegmentJob> jobs, CancellationToken cancellationToken)
    {
        try
        {
            await terminal.TrackAsync("Segmenting", jobs.Count, advance => RunAsync(jobs, advance, cancellationToken))
                .ConfigureAwait(false);
        }
        finally
        {
            if (_written < jobs.Count)
            {
                terminal.Note($"{jobs.Count - _written} of {jobs.Count} images have no mask.");
            }
        }

        return jobs.Count - _written;
    }

    private async Task RunAsync(IReadOnlyList<SegmentJob> jobs, Action advance, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ParallelOptions options = new() { MaxDegreeOfParallelism = pace.Most, CancellationToken = stop.Token };
        try
        {
            await Parallel.ForEachAsync(jobs, options, RunOneAsync).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // An error that concerns all images, which is printed already.
        }

        async ValueTask RunOneAsync(SegmentJob job, CancellationToken end)
        {
            await pace.EnterAsync(end).ConfigureAwait(false);
            bool hasMask = false;
            try
            {
                await WriteAsync(job, end).ConfigureAwait(false);
                hasMask = true;
                Interlocked.Increment(ref _written);
            }
            catch (Exception e) when (e is SegmentationException or InferenceServerException or HttpRequestException
                or IOException or UnauthorizedAccessException)
            {
                terminal.Note($"{job.Image}: {e.Message}");
                if (ConcernsAll(e))
                {
                    await stop.CancelAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                pace.Leave(hasMask);
            }

            advance();
        }
    }

    private async Task WriteAsync(SegmentJob job, CancellationToken cancellationToken)
    {
        byte[] image = await job.ReadAsync(cancellationToken).ConfigureAwait(false);
        ReadOnlyMemory<byte> mask = await masks.SegmentAsync(image, cancellationToken).ConfigureAwait(false);
        if (job.Output == SegmentJob.Standard)
        {
            await terminal.WriteAsync(mask, cancellationToken).ConfigureAwait(false);
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(job.Output))!);
        await WholeFile.WriteAsync(job.Output, mask, cancellationToken).ConfigureAwait(false);
        terminal.Result(job.Output);
    }

    // An unknown key, a key without the scope, an unknown model or a used-up quota: every other image would fail in
    // the same way.
    private static bool ConcernsAll(Exception e) => e is
        InferenceServerException { Status: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound } or
        InferenceServerException { Type: "urn:inference-server:rate-limited" };
}
