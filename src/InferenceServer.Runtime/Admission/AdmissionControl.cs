using System.Diagnostics.CodeAnalysis;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Admits requests before their bodies are read. A full server refuses a request in microseconds, without an
/// exception.</summary>
/// <remarks>A request takes its place once its image has arrived, and gives it back once its answer is made: a slow client
/// holds no place.</remarks>
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

        // The admitted request takes the lease and the permit over; a refusal gives them up.
        ModelLease? lease = request.Held?.Share();
        if (!request.NeedsNoModel)
        {
            lease ??= repository.Lease(request.Model, request.Version);
        }

        InFlightLimits.Permit permit = limits.Open(request.Client);
        admitted = null;
        refusal = request.Body is null ? Enter(lease?.Model, permit, request) : StartReading(lease?.Model, permit, request.Priority);
        if (refusal is not null)
        {
            permit.Dispose();
            lease?.Dispose();
            return false;
        }

        TimeSpan timeout = request.Timeout ?? _options.DefaultTimeout;
        timeout = timeout < _options.MaxTimeout ? timeout : _options.MaxTimeout;
        request.Body?.ArriveWithin(timeout);
        admitted = new AdmittedRequest(lease, permit, new Deadline(timeout, clock, request.Caller), request);
        return true;
    }

    /// <summary>Gives a request whose image has arrived its place in the server and in its model's backlog.</summary>
    /// <returns>The limit that is reached, as an error; null where none is.</returns>
    internal static SegmentationException? Enter(LoadedModel? model, InFlightLimits.Permit permit, Priority priority)
    {
        if (model?.Scheduler.Backlog.TryEnter(priority, permit.Part) is false)
        {
            return AdmissionErrors.QueueFull(model);
        }

        if (permit.TryEnter(priority) is { } full)
        {
            model?.Scheduler.Backlog.Leave();
            return AdmissionErrors.Refused(model, full, priority);
        }

        return null;
    }

    private static SegmentationException? Enter(LoadedModel? model, InFlightLimits.Permit permit, in AdmissionRequest request)
    {
        SegmentationException? refusal = permit.Peek(request.Priority) is { } unread
            ? AdmissionErrors.Refused(model, unread, request.Priority)
            : Enter(model, permit, request.Priority);
        if (refusal is null && permit.TryHoldBytes(request.Bytes) is { } full)
        {
            model?.Scheduler.Backlog.Leave();
            return AdmissionErrors.Refused(model, full, request.Priority);
        }

        return refusal;
    }

    // A body that arrives holds no place, but a full server does not read it.
    private static SegmentationException? StartReading(LoadedModel? model, InFlightLimits.Permit permit, Priority priority)
    {
        if (model?.Scheduler.Backlog.IsFull(priority, permit.Part) is true)
        {
            return AdmissionErrors.QueueFull(model);
        }

        if ((permit.Peek(priority) ?? permit.TryRead()) is { } full)
        {
            return AdmissionErrors.Refused(model, full, priority);
        }

        return null;
    }
}

/// <summary>The body of a request, while it arrives.</summary>
internal interface IArrivingBody
{
    /// <summary>Sets the time in which the whole body must arrive. Reading a body that is not on course fails.</summary>
    void ArriveWithin(TimeSpan timeout);
}

/// <summary>A request for admission: what is known before the image is read.</summary>
internal readonly record struct AdmissionRequest
{
    /// <summary>A model's name; null takes the default.</summary>
    public string? Model { get; init; }

    /// <summary>Whether no network runs: the request has no model, and no place in a model's queue.</summary>
    public bool NeedsNoModel { get; init; }

    /// <summary>The number of a version that serves; null takes the newest.</summary>
    public int? Version { get; init; }

    /// <summary>The model of several images that the same version answers, even after another version has replaced
    /// it; the caller owns the lease. Null leases the model by its name.</summary>
    public ModelLease? Held { get; init; }

    /// <summary>Who sends the request; null is this process, which has no share of the limits.</summary>
    public Client? Client { get; init; }

    /// <summary>The body that is still to be read: the request takes its place only then, see
    /// <see cref="AdmittedRequest.ReadAsync"/>. Null where the image is there.</summary>
    public IArrivingBody? Body { get; init; }

    /// <summary>Bytes of the encoded image: those that are there, or those that are announced; 0 where nothing
    /// was.</summary>
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
