namespace InferenceServer.Runtime.Admission;

/// <summary>A client's budget of requests.</summary>
internal interface IRequestBudget
{
    /// <summary>Takes one image from the budget.</summary>
    /// <returns>The error where the budget is used up; null where it is not.</returns>
    SegmentationException? Take();
}

/// <summary>Admission that retries instead of failing; for bulk uploads and jobs.</summary>
internal sealed class RetryingAdmission(Segmenter segmenter, TimeProvider time)
{
    // Before its first run a full server cannot estimate a wait.
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWaitForBudget = TimeSpan.FromMinutes(1);

    /// <summary>Takes an image from the key's budget, and waits until the image is admitted.</summary>
    /// <param name="admission">The request for admission; cancelling its caller's token ends the wait.</param>
    /// <param name="budget">The key's budget; null is no limit, or already paid.</param>
    /// <returns>The admitted request; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The image is too large, or the budget is used up for longer than a
    /// minute.</exception>
    public async Task<AdmittedRequest> EnterAsync(AdmissionRequest admission, IRequestBudget? budget)
    {
        while (budget?.Take() is { } used)
        {
            if (used.RetryAfter > LongestWaitForBudget)
            {
                throw used;
            }

            await WaitAsync(used, admission.Caller).ConfigureAwait(false);
        }

        AdmittedRequest? admitted;
        SegmentationException? full;
        while (!segmenter.TryAdmit(admission, out admitted, out full))
        {
            await WaitAsync(full, admission.Caller).ConfigureAwait(false);
        }

        return admitted;
    }

    /// <summary>Waits as long as a refusal says, and at least a little.</summary>
    public Task WaitAsync(SegmentationException refusal, CancellationToken cancellationToken) =>
        Task.Delay(refusal.RetryAfter > LeastWait ? refusal.RetryAfter.Value : LeastWait, time, cancellationToken);
}
