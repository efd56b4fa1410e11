using InferenceServer.Kernels;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Auth;
using InferenceServer.Runtime.Admission;
using InferenceServer.Segment;

namespace InferenceServer.Bulk;

/// <summary>One of many images on the road: it is let in like a request of its own, and keeps its place and its bytes until this is disposed.</summary>
internal sealed class BulkItem(BulkImage image, BulkSettings settings, RetryingAdmission admission, SegmentHandler handler, SegmentationMetrics metrics, ILogger logger) : IDisposable
{
    private readonly ImageObservation _observation = new(metrics, settings.Model.Model, settings.Route);
    private readonly PooledBufferWriter _mask = new();
    private AdmittedRequest? _admitted;
    private SegmentationException? _failure;

    /// <summary>Waits for the image's place in the server.</summary>
    /// <param name="cancellationToken">Ends the waiting, and the image's work.</param>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        try
        {
            _admitted = await admission.EnterAsync(settings.Model, AdmissionRequest(cancellationToken), image.Index > 0 ? settings.Budget : null);
        }
        catch (SegmentationException e)
        {
            _failure = e;
        }
    }

    /// <summary>Segments it, once it was let in.</summary>
    /// <param name="cancellationToken">Ends the waiting, and the image's work.</param>
    public async Task<BulkAnswer> SegmentAsync(CancellationToken cancellationToken)
    {
        while (_failure is null)
        {
            try
            {
                ImageSize size = await handler.SegmentAsync(_admitted!, settings.Settings, image.Bytes.Written, _mask);
                return new BulkAnswer(image, settings.Settings.Format.MediaType, _mask.Written, size.Width, size.Height, Failure: null);
            }
            catch (SegmentationException e) when (IsLoad(e))
            {
                _mask.Clear();
                _admitted!.Dispose();
                await admission.WaitAsync(e, cancellationToken);
                _admitted = await admission.EnterAsync(settings.Model, AdmissionRequest(cancellationToken), budget: null);
            }
            catch (SegmentationException e)
            {
                _failure = e;
            }
            catch (Exception e) when (e is not OperationCanceledException) // whatever one image does, the others go on
            {
                _failure = new SegmentationException(SegmentationError.InferenceFailed, "The server failed at this image; its log says more.", e);
            }
        }

        if (_failure.Error == SegmentationError.InferenceFailed)
        {
            Log.ImageFailed(logger, _failure, image.Index, settings.Route);
        }

        _observation.Failed(_failure);
        return BulkAnswer.Failed(image, _failure);
    }

    /// <summary>The answer was handed over.</summary>
    public void Answered()
    {
        if (_failure is null)
        {
            _observation.Sent(_mask.Written.Length);
        }
    }

    public void Dispose()
    {
        _admitted?.Dispose();
        _mask.Dispose();
        image.Bytes.Dispose();
        _observation.Dispose();
    }

    private AdmissionRequest AdmissionRequest(CancellationToken caller) => new()
    {
        Bytes = image.Bytes.Written.Length,
        Priority = Priority.Background,
        Timeout = settings.Settings.Timeout,
        Timings = _observation.Timings,
        Caller = caller,
    };

    // Room for pixels is asked for only once the size is known; and a time that nobody has named is none that anybody misses.
    private bool IsLoad(SegmentationException e) => e.Error == SegmentationError.Overloaded || (e.Error == SegmentationError.QueueTimeout && settings.Settings.Timeout is null);
}

/// <summary>What is wanted of many images.</summary>
/// <param name="Model">Answers all; held by whoever makes the settings.</param>
/// <param name="Settings">What is wanted of each image. Its timeout starts when the image is admitted; without one, an image waits as long as the server is full.</param>
/// <param name="Budget">What the caller may still ask for: the request has paid for the first image, each other one pays for itself. Null is no limit.</param>
/// <param name="Route">What they are counted under.</param>
internal sealed record BulkSettings(ModelLease Model, SegmentSettings Settings, KeyBudget? Budget, string Route);

internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Error, "Image {Index} of {Route} failed; the others go on.")]
    public static partial void ImageFailed(ILogger logger, Exception exception, int index, string route);
}
