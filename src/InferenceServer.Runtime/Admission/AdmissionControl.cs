using System.Diagnostics.CodeAnalysis;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Lets requests in before anything is read or done for them. A full server refuses them in microseconds, without an exception.</summary>
public sealed class AdmissionControl(
    ModelRepository repository, InFlightLimits admission, IOptions<SchedulingOptions> scheduling, IOptions<DecodingOptions> decoding, TimeProvider clock)
{
    private readonly SchedulingOptions _options = scheduling.Value;
    private readonly DecodingOptions _limits = decoding.Value;

    /// <summary>Lets a request in, or says why not and when to try again.</summary>
    /// <param name="arrival">What is known of the request.</param>
    /// <param name="admitted">Its place, which the caller gives up once the answer is complete.</param>
    /// <param name="refusal">What to answer instead: the server is full.</param>
    /// <exception cref="SegmentationException">Unknown or unready model, or too large an image: nothing that waiting mends soon.</exception>
    public bool TryAdmit(in AdmissionRequest arrival, [NotNullWhen(true)] out AdmittedRequest? admitted, [NotNullWhen(false)] out SegmentationException? refusal)
    {
        CheckSize(arrival);
        return TryEnter(repository.Lease(arrival.Model, arrival.Version), arrival, out admitted, out refusal);
    }

    /// <summary>Lets in one of many images that one model answers, also where another version has taken its place meanwhile.</summary>
    /// <param name="held">The model; stays the caller's.</param>
    /// <param name="arrival">What is known of the image; it names no model.</param>
    /// <param name="admitted">Its place, which the caller gives up once the answer is complete.</param>
    /// <param name="refusal">What to answer instead: the server is full.</param>
    /// <exception cref="SegmentationException">Too large an image.</exception>
    public bool TryAdmitTo(ModelLease held, in AdmissionRequest arrival, [NotNullWhen(true)] out AdmittedRequest? admitted, [NotNullWhen(false)] out SegmentationException? refusal)
    {
        CheckSize(arrival);
        return TryEnter(held.Share(), arrival, out admitted, out refusal);
    }

    private void CheckSize(in AdmissionRequest arrival)
    {
        if (arrival.Bytes > _limits.MaxBytes)
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge, $"The image has {arrival.Bytes:N0} bytes; at most {_limits.MaxBytes:N0} are accepted.");
        }
    }

    // The lease becomes that of the request, or is given up.
    private bool TryEnter(ModelLease lease, in AdmissionRequest arrival, [NotNullWhen(true)] out AdmittedRequest? admitted, [NotNullWhen(false)] out SegmentationException? refusal)
    {
        admitted = Enter(lease, arrival);
        refusal = admitted is null ? AdmissionErrors.Full(lease.Model) : null;
        if (admitted is null)
        {
            lease.Dispose();
        }

        return admitted is not null;
    }

    private AdmittedRequest? Enter(ModelLease lease, in AdmissionRequest arrival)
    {
        Backlog backlog = lease.Model.Scheduler.Backlog;
        if (!backlog.TryEnter(arrival.Priority))
        {
            return null;
        }

        InFlightLimits.Permit? permit = admission.TryEnter(arrival.Priority);
        if (permit?.TryHoldBytes(arrival.Bytes) is not true)
        {
            permit?.Dispose();
            backlog.Leave();
            return null;
        }

        TimeSpan timeout = arrival.Timeout ?? _options.DefaultTimeout;
        return new AdmittedRequest(lease, permit, new Deadline(timeout < _options.MaxTimeout ? timeout : _options.MaxTimeout, clock, arrival.Caller), arrival.Priority);
    }
}
