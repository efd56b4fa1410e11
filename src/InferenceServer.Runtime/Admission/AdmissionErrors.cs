using System.Globalization;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime.Admission;

/// <summary>The limits that a full server can reach, each as the refusal that names it.</summary>
internal static class AdmissionErrors
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(1);

    public static SegmentationException QueueFull(LoadedModel model) => Busy(
        model,
        string.Create(
            CultureInfo.InvariantCulture,
            $"the limit on requests in the queue of the model '{model.Name}' is reached " +
            $"({model.Scheduler.Backlog.Limit:N0} now)"));

    /// <param name="model">The model that the request is for; null where it is for none.</param>
    /// <param name="refusal">The limit of <see cref="InFlightLimits"/> that is reached.</param>
    /// <param name="priority">The request's class.</param>
    public static SegmentationException Refused(LoadedModel? model, Refusal refusal, Priority priority)
    {
        string things = refusal.Limit switch
        {
            InFlightLimits.Limit.Requests when priority == Priority.Background => "requests of priority batch",
            InFlightLimits.Limit.Requests => "requests",
            InFlightLimits.Limit.Readers => "requests whose bodies arrive",
            InFlightLimits.Limit.Bytes => "bytes of encoded images",
            InFlightLimits.Limit.Pixels => "pixels of decoded images",
            _ => "bytes of answers that wait to be read",
        };
        if (refusal.IsOfClient)
        {
            return Busy(model, $"the limit on {things} of one client is reached (Scheduling:ClientShare)");
        }

        return Busy(model, $"the limit on {things} is reached");
    }

    /// <param name="model">The model that the request waited for; null where it is for none.</param>
    /// <param name="timeout">The request's timeout.</param>
    /// <param name="stage">The stage in which the time ran out.</param>
    public static SegmentationException Late(LoadedModel? model, TimeSpan timeout, Stage stage)
    {
        string format = timeout.TotalMilliseconds < 1 ? "0.####" : "N0"; // gRPC's may be shorter than a millisecond
        string time = timeout.TotalMilliseconds.ToString(format, CultureInfo.InvariantCulture);
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

    private static SegmentationException Busy(LoadedModel? model, string limit) =>
        new(SegmentationError.Overloaded, $"Server busy: {limit}. Retry later.") { RetryAfter = Wait(model) };

    // The time until all requests in the queue have run.
    private static TimeSpan Wait(LoadedModel? model) => model?.Scheduler.Backlog.Delay ?? UsualWait;
}
