using System.Globalization;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Admission;

/// <summary>What is said to a request that the server has no room or no time for.</summary>
internal static class AdmissionErrors
{
    public static SegmentationException Full(LoadedModel model) => new(
        SegmentationError.Overloaded, "The server is working on as many images as it may; try again when Retry-After says.") { RetryAfter = Wait(model) };

    public static SegmentationException FullOfBytes(LoadedModel model) => new(
        SegmentationError.Overloaded, "The images in the server have as many bytes as they may; try again when Retry-After says.") { RetryAfter = Wait(model) };

    public static SegmentationException FullOfPixels(LoadedModel model) => new(
        SegmentationError.Overloaded, "The images in the server have as many pixels as they may; try again when Retry-After says.") { RetryAfter = Wait(model) };

    /// <param name="model">The model that the request waited for.</param>
    /// <param name="timeout">The time that the request had.</param>
    /// <param name="stage">Where it was when the time was up.</param>
    public static SegmentationException Late(LoadedModel model, TimeSpan timeout, Stage stage)
    {
        string time = timeout.TotalMilliseconds.ToString("N0", CultureInfo.InvariantCulture);
        return stage == Stage.Queue
            ? new(SegmentationError.QueueTimeout, $"The request's {time} ms passed while it waited; try again when Retry-After says, or give it more time.") { RetryAfter = Wait(model) }
            : new(SegmentationError.DeadlineExceeded, $"The request's {time} ms passed in the stage '{StageTimings.Names[(int)stage]}'; give it more time, or send a smaller image.");
    }

    // When all that is in the server now has been through the network.
    private static TimeSpan Wait(LoadedModel model) => model.Scheduler.Backlog.Delay;
}
