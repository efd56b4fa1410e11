using InferenceServer.Bulk;
using InferenceServer.Runtime;

namespace InferenceServer.Jobs;

/// <summary>Stores the uploaded images of a job, so that any server can work on them.</summary>
internal static class JobUpload
{
    /// <summary>Receives a form or a zip, and stores its images and their plan.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="request">The request.</param>
    /// <param name="records">Receive the images.</param>
    /// <param name="options">Limits of the upload.</param>
    /// <param name="maxBytes">Most bytes of one image.</param>
    /// <param name="hold">Called with the bytes of the body that have arrived; throws where there is no room for
    /// them.</param>
    /// <param name="store">Called with the bytes of the body, then of the images, that the job has so far; throws where
    /// there is no room for them.</param>
    /// <param name="cancellationToken">Cancels the upload.</param>
    /// <returns>The plan, and the bytes of all images.</returns>
    /// <exception cref="SegmentationException">The upload is damaged, empty or too large.</exception>
    public static async Task<(JobPlan Plan, long Bytes)?> SaveAsync(
        string id, HttpRequest request, JobRecords records, BulkOptions options, long maxBytes,
        Action<long> hold, Action<long> store, CancellationToken cancellationToken)
    {
        using Upload upload = await Upload.ReceiveAsync(request, options, hold + store, cancellationToken);
        List<JobItem> items = [];
        long bytes = 0;
        await foreach (BulkImage image in upload.ImagesAsync(options, maxBytes, cancellationToken))
        {
            using (image.Bytes)
            {
                if (image.Fault is { } fault)
                {
                    items.Add(new JobItem(image.Name, "") { Fault = fault.Message });
                    continue;
                }

                bytes += image.Bytes.Written.Length;
                store(bytes);
                items.Add(new JobItem(
                    image.Name, await records.AddImageAsync(id, image.Index, image.Bytes.Written, cancellationToken)));
            }
        }

        if (items.Count == 0)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, "Expected at least one image in the form or zip, got none.");
        }

        int number = 0;
        foreach (JobItem[] page in items.Chunk(JobPlan.PageSize))
        {
            await records.AddPageAsync(id, number++, page, cancellationToken);
        }

        return (JobPlan.Of(items.Count), bytes);
    }
}
