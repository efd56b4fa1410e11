using System.Diagnostics;
using InferenceServer.Errors;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Diagnostics;

namespace InferenceServer.Metrics;

/// <summary>What is known of one request for a mask by the time it ends: its model, its stages, whether its answer went out.</summary>
internal sealed class RequestObservation(SegmentationMetrics metrics, string route, string? askedFor, ModelRepository repository)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Activity? _span = Tracing.StartRequest();
    private string? _askedFor = askedFor;
    private LoadedModel? _model;
    private bool _sent;
    private bool _inParts;

    /// <summary>The pattern of its route.</summary>
    public string Route => route;

    /// <summary>The model that the request names, where that is not what stands in its route.</summary>
    public void AskedFor(string model) => _askedFor = model;

    /// <summary>Receives the time of each stage.</summary>
    public StageTimings Timings { get; } = new(); // after the span, which is its parent

    /// <summary>The request was admitted.</summary>
    public void Admitted(LoadedModel model)
    {
        _model = model;
        metrics.Entered(model.Name);
    }

    /// <summary>The request has many images that are each counted by themselves (<see cref="ImageObservation"/>); it counts only where it fails as a whole.</summary>
    public void InParts() => _inParts = true;

    /// <summary>The connection has taken the whole answer.</summary>
    public void Sent(long bytes)
    {
        _sent = true;
        metrics.Sent(_model!.Name, bytes);
    }

    /// <summary>The request is over, well or not.</summary>
    public void End(HttpContext http)
    {
        string name = _model?.Name ?? Known();
        // Once the headers have gone out with 200, the framework cannot say that the client went away.
        bool isCancelled = !_sent && http.RequestAborted.IsCancellationRequested;
        int status = isCancelled ? StatusCodes.Status499ClientClosedRequest : Problem.StatusOf(http);
        if (!_inParts || status >= StatusCodes.Status400BadRequest)
        {
            Count(http, name, status, isCancelled);
        }

        if (_model is not null)
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

    // A connection that ends in the middle of a body reaches us as a malformed request, a moment before it is known to be gone.
    private bool BrokeOff(HttpContext http) => Timings.Current == Stage.Read && Timings.Entered(Stage.Read)
        && http.Features.Get<IExceptionHandlerFeature>()?.Error is BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest };

    // A name that is none of the repository's would be a label that callers choose.
    private string Known() => repository.Find(_askedFor ?? repository.Default ?? "")?.Name ?? SegmentationMetrics.NoModel;

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
