using System.Net;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;

namespace InferenceServer.Cli.Segment;

/// <summary>Segments images one after another. An error of one image does not stop the others.</summary>
internal sealed class SegmentBatch(IMaskSource masks, Terminal terminal)
{
    private readonly List<string> _failures = [];
    private readonly List<string> _written = [];

    /// <summary>Runs all jobs and prints the path of each mask and each error, also after a cancellation.</summary>
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
            // Printed at the end, so that errors do not break the progress bar.
            _written.ForEach(terminal.Result);
            _failures.ForEach(terminal.Note);
            if (_written.Count < jobs.Count)
            {
                terminal.Note($"{jobs.Count - _written.Count} of {jobs.Count} images have no mask.");
            }
        }

        return jobs.Count - _written.Count;
    }

    private async Task RunAsync(IReadOnlyList<SegmentJob> jobs, Action advance, CancellationToken cancellationToken)
    {
        foreach (SegmentJob job in jobs)
        {
            try
            {
                byte[] image = await File.ReadAllBytesAsync(job.Image, cancellationToken).ConfigureAwait(false);
                await masks.WriteAsync(image, job.Output, cancellationToken).ConfigureAwait(false);
                _written.Add(job.Output);
            }
            catch (Exception e) when (e is SegmentationException or InferenceServerException or HttpRequestException
                or IOException or UnauthorizedAccessException)
            {
                _failures.Add($"{job.Image}: {e.Message}");
                if (ConcernsAll(e))
                {
                    return;
                }
            }

            advance();
        }
    }

    // An unknown key, a key without the scope, an unknown model or a used-up quota: every other image would fail in
    // the same way.
    private static bool ConcernsAll(Exception e) => e is
        InferenceServerException { Status: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound } or
        InferenceServerException { Type: "urn:inference-server:rate-limited" };
}
