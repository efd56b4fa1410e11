using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;

namespace InferenceServer.Cli.Segment;

/// <summary>Segments images one after another; what is wrong with one keeps no other from its mask.</summary>
internal sealed class SegmentBatch(IMaskSource masks, Terminal terminal)
{
    /// <summary>Runs all jobs, prints the path of each mask and complains about each image that has none.</summary>
    /// <returns>The number of images without a mask.</returns>
    public async Task<int> RunAsync(IReadOnlyList<SegmentJob> jobs, CancellationToken cancellationToken)
    {
        List<string> failures = [];
        List<string> written = [];
        await terminal.TrackAsync("Segmenting", jobs.Count, async advance =>
        {
            foreach (SegmentJob job in jobs)
            {
                try
                {
                    await masks.WriteAsync(await File.ReadAllBytesAsync(job.Image, cancellationToken).ConfigureAwait(false), job.Output, cancellationToken).ConfigureAwait(false);
                    written.Add(job.Output);
                }
                catch (Exception e) when (e is SegmentationException or InferenceServerException or HttpRequestException or IOException or UnauthorizedAccessException)
                {
                    failures.Add($"{job.Image}: {e.Message}");
                }

                advance();
            }
        }).ConfigureAwait(false);

        // Only now, so that neither stream writes into the progress bar.
        written.ForEach(terminal.Result);
        failures.ForEach(terminal.Note);
        if (failures.Count > 0)
        {
            terminal.Note($"{failures.Count} of {jobs.Count} images could not be segmented.");
        }

        return failures.Count;
    }
}
