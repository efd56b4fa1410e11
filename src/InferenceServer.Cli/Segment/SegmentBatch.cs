using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Inference;

namespace InferenceServer.Cli.Segment;

/// <summary>Segments images one after another; what is wrong with one keeps no other from its mask.</summary>
internal sealed class SegmentBatch(Segmenter segmenter, string model, EncodingParameters parameters, InferenceOverrides inference, Refinement refinement, Terminal terminal)
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
                    await WriteAsync(job, cancellationToken).ConfigureAwait(false);
                    written.Add(job.Output);
                }
                catch (Exception e) when (e is SegmentationException or IOException or UnauthorizedAccessException)
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

    private async Task WriteAsync(SegmentJob job, CancellationToken cancellationToken)
    {
        SegmentationRequest request = new()
        {
            Image = await File.ReadAllBytesAsync(job.Image, cancellationToken).ConfigureAwait(false),
            WithConfidence = parameters.NeedsConfidence,
            WithProbabilities = parameters.NeedsProbabilities,
            Inference = inference,
            Refine = refinement.Refine,
            Crf = refinement.Crf,
        };
        using AdmittedRequest admitted = segmenter.Admit(model, cancellationToken);
        using SegmentationResult result = await segmenter.SegmentAsync(admitted, request).ConfigureAwait(false);
        using PooledBufferWriter mask = new();
        await segmenter.EncodeAsync(admitted, result, parameters, mask).ConfigureAwait(false);
        await File.WriteAllBytesAsync(job.Output, mask.Written, cancellationToken).ConfigureAwait(false);
    }
}
