using System.Diagnostics;
using InferenceServer.Errors;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Diagnostics;

namespace InferenceServer.Telemetry;

/// <summary>Collects what metrics and traces need of a request for a mask: its model, its stages, and whether its
/// answer was sent.</summary>
internal sealed class RequestObservation(
    SegmentationMetrics metrics, string route, string? askedFor, ModelRepository repository)
{
    /// <summary>In place of a model's name, where no network runs.</summary>
    public const string NoModel = "";

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Activity? _span = Tracing.StartRequest();
    private string? _askedFor = askedFor;
    private LoadedModel? _model;
    private bool _isAdmitted;
    private bool _sent;
    private bool _inParts;
    private bool _isStream;

    /// <summary>The pattern of the request's route.</summary>
    public string Route => route;

    /// <summary>Sets the model that the request names elsewhere than in its route.</summary>
    public void AskedFor(string model) => _askedFor = model;

    /// <summary>Receives the time of each stage. Created after the span, which is the parent of the stages' spans.</summary>
    public StageTimings Timings { get; } = new();

    /// <summary>Counts the request as admitted.</summary>
    /// <param name="model">The model; null where no network runs.</param>
    public void Admitted(LoadedModel? model)
    {
        (_model, _isAdmitted) = (model, true);
        metrics.Entered(Name());
    }

    /// <summary>Marks a request with many images, which <see cref="ImageObservation"/> counts; the request itself
    /// counts only where it fails as a whole.</summary>
    public void InParts() => _inParts = true;

    /// <summary>Begins the observation of one message of a stream. Each message counts as a request of its own, and the stream
    /// does not.</summary>
    public RequestObservation Message()
    {
        _isStream = true;
        return new RequestObservation(metrics, route, askedFor: null, repository);
    }

    /// <summary>Counts the answer as sent.</summary>
    public void Sent(long bytes)
    {
        _sent = true;
        metrics.Sent(Name(), bytes);
    }

    /// <summary>Ends the observation and counts the request.</summary>
    public void End(HttpContext http)
    {
        string name = Name();
        // After the headers were sent with 200, the status cannot tell that the client closed the connection.
        bool isCancelled = !_sent && http.RequestAborted.IsCancellationRequested;
        int status = isCancelled ? StatusCodes.Status499ClientClosedRequest : Problem.StatusOf(http);
        if (!_isStream && (!_inParts || status >= StatusCodes.Status400BadRequest))
        {
            Count(http, name, status, isCancelled);
        }

        if (_isAdmitted)
        {
            metrics.Left(name);
        }

        Trace(name, status);
    }

    private void Count(HttpContext http, string name, int status, bool isCancelled)
    {
        metrics.Ended(name, _model?.Version ?? 0, route, status, Stopwatch.GetElapsedTime(_start), Timings);
        if (isCancelled || BrokeOff(http))
        {
            metrics.Cancelled(Timings.Current);
        }
        else if (Problem.RejectionOf(http) is var (reason, _))
        {
            metrics.Rejected(name, reason);
        }
    }

    // A connection that breaks within a body appears as a malformed request before RequestAborted is cancelled.
    private bool BrokeOff(HttpContext http) => Timings.Current == Stage.Read && Timings.Entered(Stage.Read)
        && http.Features.Get<IExceptionHandlerFeature>()?.Error is BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest };

    // An unknown name must not become a label, since clients choose it.
    private string Name() =>
        _model?.Name ?? repository.Find(_askedFor ?? repository.Default ?? "")?.Name ?? SegmentationMetrics.NoModel;

    private void Trace(string model, int status)
    {
        if (_span is null)
        {
            return;
        }

        _span.SetTag("seg.model", model);
        _span.SetTag("http.response.status_code", status);
        if (_model is not null)
        {
            _span.SetTag("seg.model.version", _model.Version);
        }

        if (status >= StatusCodes.Status500InternalServerError)
        {
            _span.SetStatus(ActivityStatusCode.Error);
        }

        _span.Dispose();
    }
}
