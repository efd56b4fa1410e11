using InferenceServer.Bulk;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Jobs;

/// <summary>The place that masks of a job go to. Each mask is written once; a mask that is not the job's is never
/// touched unless the request says so.</summary>
/// <param name="target">What the request says.</param>
/// <param name="store">The store at the place.</param>
internal sealed class MaskTarget(JobTarget target, IObjectStore store)
{
    /// <summary>The answer to an image whose mask was there when the job was planned; null where the image is to be
    /// segmented.</summary>
    public BulkAnswer? Planned(BulkImage image, JobItem item)
    {
        if (!item.Exists || target.Existing == ExistingMask.Overwrite)
        {
            return null;
        }

        if (target.Existing == ExistingMask.Skip)
        {
            return BulkAnswer.Kept(image, Place(item));
        }

        return Exists(image, item);
    }

    /// <summary>Writes the mask of an answer.</summary>
    /// <param name="answer">The answer; one without a mask is returned as it is.</param>
    /// <param name="item">Its image.</param>
    /// <param name="isRepeated">Whether this job may have written the mask before.</param>
    /// <param name="cancellationToken">Cancels writing.</param>
    /// <returns>An answer that says where the mask is, or why it was not written.</returns>
    /// <exception cref="StorageException">The store is away.</exception>
    public async Task<BulkAnswer> StoreAsync(
        BulkAnswer answer, JobItem item, bool isRepeated, CancellationToken cancellationToken)
    {
        if (answer.Failure is not null)
        {
            return answer;
        }

        WriteMode mode = target.Existing == ExistingMask.Overwrite ? WriteMode.Replace : WriteMode.New;
        try
        {
            using MemoryStream mask = new(answer.Mask.ToArray(), writable: false);
            bool isWritten = await store.WriteAsync(item.Output!, mask, answer.ContentType!, mode, cancellationToken);
            // A mask that was not there when the job was planned is the job's own where the chunk was begun before, and
            // where another worker that was given the same chunk has written the same bytes.
            if (isWritten || isRepeated || await HoldsAsync(item.Output!, answer.Mask, cancellationToken))
            {
                return answer with { Output = Place(item) };
            }

            return Exists(answer.Image!, item);
        }
        catch (StorageException e) when (!e.IsTransient)
        {
            return BulkAnswer.Failed(
                answer.Image, new SegmentationException(SegmentationError.InvalidRequest, e.Message, e));
        }
    }

    private string Place(JobItem item) => $"{JobPlaces.Location(target)}/{item.Output}";

    private BulkAnswer Exists(BulkImage image, JobItem item) => BulkAnswer.Failed(image, new SegmentationException(
        SegmentationError.InvalidRequest,
        $"The mask '{Place(item)}' exists and is not this job's. "
        + "Delete it, or set target.existing to skip or overwrite."));

    private async Task<bool> HoldsAsync(string key, ReadOnlyMemory<byte> mask, CancellationToken cancellationToken)
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
}
