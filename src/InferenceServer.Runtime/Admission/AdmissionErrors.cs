using System.Globalization;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Admission;

/// <summary>The limits that a full server can reach, each as the refusal that names it.</summary>
internal static class AdmissionErrors
{
    public static SegmentationException QueueFull(LoadedModel model) => Busy(
        model,
        string.Create(
            CultureInfo.InvariantCulture,
            $"the limit on requests in the queue of the model '{model.Name}' is reached " +
            $"({model.Scheduler.Backlog.Limit:N0} now)"));

    public static SegmentationException RequestsFull(LoadedModel model, Priority priority) => Busy(
        model, priority == Priority.Interactive
            ? "the limit on requests is reached"
            : "the limit on requests of priority batch is reached");

    public static SegmentationException BytesFull(LoadedModel model) => Busy(model, "the limit on bytes of encoded images is reached");

    public static SegmentationException PixelsFull(LoadedModel model) => Busy(model, "the limit on pixels of decoded images is reached");

    /// <param name="model">The model that the request waited for.</param>
    /// <param name="timeout">The request's timeout.</param>
    /// <param name="stage">The stage in which the time ran out.</param>
    public static SegmentationException Late(LoadedModel model, TimeSpan timeout, Stage stage)
    {
        string time = timeout.TotalMilliseconds.ToString("N0", CultureInfo.InvariantCulture);
        if (stage == Stage.Queue)
        {
            return new(
                SegmentationError.QueueTimeout,
                $"The request's timeout of {time} ms passed in the queue. Retry later, or send a longer timeout.")
            {
                RetryAfter = Wait(model),
            };
        }

        return new(
            SegmentationError.DeadlineExceeded,
            $"The request's timeout of {time} ms passed in the stage '{StageTimings.Names[(int)stage]}'. Send " +
            "a longer timeout, or a smaller image.");
    }

    private static SegmentationException Busy(LoadedModel model, string limit) =>
        new(SegmentationError.Overloaded, $"Server busy: {limit}. Retry later.") { RetryAfter = Wait(model) };

    // The time until all requests in the queue have run.
    private static TimeSpan Wait(LoadedModel model) => model.Scheduler.Backlog.Delay;
}
