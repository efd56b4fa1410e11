using InferenceServer.Auth;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using InferenceServer.Telemetry;

namespace InferenceServer.Bulk;

/// <summary>One image in progress: admitted like a request of its own. It holds its permit until it is
/// disposed.</summary>
internal sealed class BulkItem(
    BulkImage image, BulkSettings settings, RetryingAdmission admission, SegmentHandler handler,
    SegmentationMetrics metrics, ILogger logger) : IDisposable
{
    private readonly ImageObservation _observation = new(metrics, settings.Model.Model, settings.Route);
    private readonly PooledBufferWriter _mask = new();
    private AdmittedRequest? _admitted;
    private SegmentationException? _failure = image.Fault;

    /// <summary>Waits until the image is admitted.</summary>
    /// <param name="cancellationToken">Cancels the wait and the image.</param>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        if (_failure is not null)
        {
            return;
        }

        try
        {
            _admitted = await admission.EnterAsync(
                AdmissionRequest(cancellationToken), image.Index > 0 ? settings.Budget : null);
        }
        catch (SegmentationException e)
        {
            _failure = e;
        }
    }

    /// <summary>Segments the admitted image; waits again while the server is full.</summary>
    /// <param name="cancellationToken">Cancels the wait and the image.</param>
    public async Task<BulkAnswer> SegmentAsync(CancellationToken cancellationToken)
    {
        while (_failure is null)
        {
            try
            {
                (ImageSize size, _) = await handler.SegmentAsync(_admitted!, settings.Settings, image.Bytes.Written, _mask);
                MaskFormat format = settings.Settings.Format;
                return new BulkAnswer(
                    image, format.MediaType, _mask.Written, size.Width, size.Height,
                    MaskResult.LabelBits(format, _admitted!.Model), Failure: null);
            }
            catch (SegmentationException e) when (IsLoad(e))
            {
                _mask.Clear();
                _admitted!.Dispose();
                await admission.WaitAsync(e, cancellationToken);
                _admitted = await admission.EnterAsync(
                AdmissionRequest(cancellationToken), budget: null);
            }
            catch (SegmentationException e)
            {
                _failure = e;
            }
            // An unexpected error of one image must not end the others.
            catch (Exception e) when (e is not OperationCanceledException)
            {
                _failure = new SegmentationException(
                    SegmentationError.InferenceFailed,
                    "The server failed to segment this image; the server's log has the reason.", e);
            }
        }

        if (_failure.Error == SegmentationError.InferenceFailed)
        {
            Log.ImageFailed(logger, _failure, image.Index, settings.Route);
        }

        _observation.Failed(_failure);
        return BulkAnswer.Failed(image, _failure);
    }

    /// <summary>Gives the image's place back where there is room for its answer.</summary>
    public BulkAnswer Leave(BulkAnswer made) => made with { KeepsPlace = _admitted?.TryLeave(made.Mask.Length) is false };

    /// <summary>Counts the answer as sent.</summary>
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
        Held = settings.Model,
        Client = settings.Client,
        Bytes = image.Bytes.Written.Length,
        Priority = Priority.Background,
        Timeout = settings.Settings.Timeout,
        Timings = _observation.Timings,
        Caller = caller,
    };

    // The limit on pixels can refuse an admitted image, whose size is known only then. The default timeout does not end
    // the wait.
    private bool IsLoad(SegmentationException e) => e.Error == SegmentationError.Overloaded
        || (e.Error == SegmentationError.QueueTimeout && settings.Settings.Timeout is null);
}

/// <summary>Settings of a request with many images, or of a job.</summary>
/// <param name="Model">The model for all images; the creator of the settings disposes it.</param>
/// <param name="Settings">The settings of each image. Its timeout starts when the image is admitted; without a timeout
/// an image waits while the server is full.</param>
/// <param name="Budget">The caller's budget. The request itself pays for the first image, every other image pays for
/// itself. Null is no limit.</param>
/// <param name="Route">The route in metrics and log.</param>
internal sealed record BulkSettings(ModelLease Model, SegmentSettings Settings, KeyBudget? Budget, string Route)
{
    /// <summary>Who sends the images, for the limits; null for jobs, whose images wait for one another anyway.</summary>
    public Client? Client { get; init; }
}

internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Error, "Image {Index} of {Route} failed; the other images continue.")]
    public static partial void ImageFailed(ILogger logger, Exception exception, int index, string route);
}
