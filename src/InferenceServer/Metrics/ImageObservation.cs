using System.Diagnostics;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Metrics;

/// <summary>One image of a request that has many, or of a job: counted as a request of its own, until this is disposed.</summary>
internal sealed class ImageObservation : IDisposable
{
    private readonly SegmentationMetrics _metrics;
    private readonly LoadedModel _model;
    private readonly string _route;
    private readonly long _start = Stopwatch.GetTimestamp();
    private SegmentationException? _failure;
    private bool _sent;

    /// <summary>The image was taken.</summary>
    /// <param name="metrics">What counts it.</param>
    /// <param name="model">The model that answers it.</param>
    /// <param name="route">The pattern of the route that it came by.</param>
    /// <param name="timings">Receives the time of each stage; null makes new timings.</param>
    public ImageObservation(SegmentationMetrics metrics, LoadedModel model, string route, StageTimings? timings = null)
    {
        Timings = timings ?? new StageTimings();
        (_metrics, _model, _route) = (metrics, model, route);
        metrics.Entered(model.Name);
    }

    /// <summary>Takes the time of its stages.</summary>
    public StageTimings Timings { get; }

    /// <summary>It gets no mask, and is told why.</summary>
    public void Failed(SegmentationException failure) => _failure = failure;

    /// <summary>Its mask was handed over.</summary>
    public void Sent(long bytes)
    {
        _sent = true;
        _metrics.Sent(_model.Name, bytes);
    }

    public void Dispose()
    {
        int status = _failure is { } failure ? ErrorTable.Of(failure.Error).Status : _sent ? StatusCodes.Status200OK : StatusCodes.Status499ClientClosedRequest;
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
}
