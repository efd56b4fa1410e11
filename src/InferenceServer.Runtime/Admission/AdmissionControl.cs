using System.Diagnostics.CodeAnalysis;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Admits requests before their bodies are read. A full server refuses a request in microseconds, without an
/// exception.</summary>
internal sealed class AdmissionControl(
    ModelRepository repository, InFlightLimits limits, IOptions<SchedulingOptions> scheduling,
    IOptions<DecodingOptions> decoding, TimeProvider clock)
{
    private readonly SchedulingOptions _options = scheduling.Value;
    private readonly long _maxBytes = decoding.Value.MaxBytes;

    /// <summary>Admits a request, or names the limit that is reached and the time of the next attempt.</summary>
    /// <param name="request">What is known of the request before its body is read.</param>
    /// <param name="admitted">The admitted request; the caller disposes it once the answer is complete.</param>
    /// <param name="refusal">The error to answer with: a limit is reached.</param>
    /// <exception cref="SegmentationException">The model is unknown or not ready, or the image is too large: errors
    /// that waiting does not mend soon.</exception>
    public bool TryAdmit(
        in AdmissionRequest request, [NotNullWhen(true)] out AdmittedRequest? admitted,
        [NotNullWhen(false)] out SegmentationException? refusal)
    {
        if (request.Bytes > _maxBytes)
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge, $"The image has {request.Bytes:N0} bytes; at most {_maxBytes:N0} are accepted.");
        }

        // The admitted request takes the lease over; a refusal gives the lease up.
        ModelLease lease = request.Held?.Share() ?? repository.Lease(request.Model, request.Version);
        admitted = null;
        refusal = Enter(lease, request, out InFlightLimits.Permit? permit);
        if (refusal is not null)
        {
            lease.Dispose();
            return false;
        }

        TimeSpan timeout = request.Timeout ?? _options.DefaultTimeout;
        timeout = timeout < _options.MaxTimeout ? timeout : _options.MaxTimeout;
        admitted = new AdmittedRequest(lease, permit!, new Deadline(timeout, clock, request.Caller), request);
        return true;
    }

    // One limit after another; null where none is reached.
    private SegmentationException? Enter(ModelLease lease, in AdmissionRequest request, out InFlightLimits.Permit? permit)
    {
        permit = null;
        Backlog backlog = lease.Model.Scheduler.Backlog;
        if (!backlog.TryEnter(request.Priority))
        {
            return AdmissionErrors.QueueFull(lease.Model);
        }

        permit = limits.TryEnter(request.Priority);
        if (permit is null)
        {
            backlog.Leave();
            return AdmissionErrors.RequestsFull(lease.Model, request.Priority);
        }

        if (!permit.TryHoldBytes(request.Bytes))
        {
            permit.Dispose();
            backlog.Leave();
            return AdmissionErrors.BytesFull(lease.Model);
        }

        return null;
    }
}

/// <summary>A request for admission: what is known before the image is read.</summary>
internal readonly record struct AdmissionRequest
{
    /// <summary>A model's name; null takes the default.</summary>
    public string? Model { get; init; }

    /// <summary>The number of a version that serves; null takes the newest.</summary>
    public int? Version { get; init; }

    /// <summary>The model of several images that the same version answers, even after another version has replaced
    /// it; the caller owns the lease. Null leases the model by its name.</summary>
    public ModelLease? Held { get; init; }

    /// <summary>Bytes of the encoded image as announced; 0 where nothing was.</summary>
    public long Bytes { get; init; }

    /// <summary>The request's class in the queue.</summary>
    public Priority Priority { get; init; }

    /// <summary>The caller's timeout; null takes the default. A timeout above the limit is shortened.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Receives the time of each stage; null makes new timings.</summary>
    public StageTimings? Timings { get; init; }

    /// <summary>Cancelled when the caller cancels the request.</summary>
    public CancellationToken Caller { get; init; }
}

/// <summary>The class of a request in the queue.</summary>
public enum Priority
{
    /// <summary>Interactive; served first.</summary>
    Interactive,

    /// <summary>Bulk work; every eighth pick, and admitted only up to a share of the limit on requests.</summary>
    Background,
}
