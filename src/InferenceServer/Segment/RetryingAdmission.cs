using InferenceServer.Auth;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Segment;

/// <summary>Lets in what has time. Whoever sends many images at once has: a full server is waited for, not complained about.</summary>
internal sealed class RetryingAdmission(Segmenter segmenter, TimeProvider time)
{
    // A server that is full before its first run knows of no time.
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWaitForBudget = TimeSpan.FromMinutes(1);

    /// <summary>Takes one of many images from its key's budget, and waits until there is room for it.</summary>
    /// <param name="model">The model that answers it; stays the caller's.</param>
    /// <param name="arrival">What is known of it; its caller ends the waiting.</param>
    /// <param name="budget">What the caller may still ask for; null is no limit, or has been paid.</param>
    /// <returns>Its place, which the caller gives up.</returns>
    /// <exception cref="SegmentationException">Too large an image, or a budget that is used up for long.</exception>
    public async Task<AdmittedRequest> EnterAsync(ModelLease model, AdmissionRequest arrival, KeyBudget? budget)
    {
        while (budget?.Take() is { } used)
        {
            if (used.RetryAfter > LongestWaitForBudget)
            {
                throw used;
            }

            await WaitAsync(used, arrival.Caller);
        }

        AdmittedRequest? admitted;
        SegmentationException? full;
        while (!segmenter.TryAdmitTo(model, arrival, out admitted, out full))
        {
            await WaitAsync(full, arrival.Caller);
        }

        return admitted;
    }

    /// <summary>Waits until another attempt is worth while.</summary>
    public Task WaitAsync(SegmentationException refusal, CancellationToken cancellationToken) =>
        Task.Delay(refusal.RetryAfter > LeastWait ? refusal.RetryAfter.Value : LeastWait, time, cancellationToken);
}
