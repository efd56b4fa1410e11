using System.Diagnostics;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Telemetry;

/// <summary>Counts one image of a request with many images, or of a job, like a request of its own. Disposal ends
/// it.</summary>
internal sealed class ImageObservation : IDisposable
{
    private readonly SegmentationMetrics _metrics;
    private readonly LoadedModel _model;
    private readonly string _route;
    private readonly long _start = Stopwatch.GetTimestamp();
    private SegmentationException? _failure;
    private bool _sent;

    /// <summary>Starts counting an image.</summary>
    /// <param name="metrics">The metrics.</param>
    /// <param name="model">The model that answers.</param>
    /// <param name="route">The pattern of the request's route.</param>
    /// <param name="timings">Receives the time of each stage; null makes new timings.</param>
    public ImageObservation(SegmentationMetrics metrics, LoadedModel model, string route, StageTimings? timings = null)
    {
        Timings = timings ?? new StageTimings();
        (_metrics, _model, _route) = (metrics, model, route);
        metrics.Entered(model.Name);
    }

    /// <summary>The times of the image's stages.</summary>
    public StageTimings Timings { get; }

    /// <summary>Counts the image as failed.</summary>
    public void Failed(SegmentationException failure) => _failure = failure;

    /// <summary>Counts the mask as sent.</summary>
    public void Sent(long bytes)
    {
        _sent = true;
        _metrics.Sent(_model.Name, bytes);
    }

    public void Dispose()
    {
        int status = Status();
        _metrics.Ended(_model.Name, _model.Version, _route, status, Stopwatch.GetElapsedTime(_start), Timings);
        if (status == StatusCodes.Status499ClientClosedRequest)
        {
            _metrics.Cancelled(Timings.Current);
        }
        else if (_failure is not null && ErrorTable.Of(_failure.Error).Reason is { } reason)
        {
            _metrics.Rejected(_model.Name, reason);
        }

        _metrics.Left(_model.Name);
    }

    private int Status()
    {
        if (_failure is { } failure)
        {
            return ErrorTable.Of(failure.Error).Status;
        }

        if (_sent)
        {
            return StatusCodes.Status200OK;
        }

        return StatusCodes.Status499ClientClosedRequest;
    }
}
