using System.Runtime.InteropServices;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Runtime;

/// <summary>Semantic segmentation: the bytes of an image in, the bytes of a mask out. Safe to share between threads.</summary>
public interface ISegmenter
{
    /// <summary>Segments one image.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="image">The bytes of a JPEG, PNG, WebP, TIFF, AVIF or GIF file; they may not change before the mask is there.</param>
    /// <param name="format">The output format.</param>
    /// <param name="cancellationToken">Stops the work within a stage, in the queue, or between two of the network's operators.</param>
    /// <returns>The bytes of the mask, at the size of the upright image.</returns>
    /// <exception cref="SegmentationException">All that can go wrong, see <see cref="SegmentationError"/>.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <remarks>Waits while the model still loads.</remarks>
    Task<byte[]> SegmentAsync(
        string? model, ReadOnlyMemory<byte> image, MaskFormat format, CancellationToken cancellationToken = default) =>
        SegmentAsync(model, image, new SegmentSettings { Format = format }, cancellationToken);

    /// <summary>Segments one image with other settings than the model's.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="image">The bytes of a JPEG, PNG, WebP, TIFF, AVIF or GIF file; they may not change before the mask is there.</param>
    /// <param name="settings">The format, and what differs from the model's defaults: passes, refinement, time and priority. Without a timeout, only the token ends the work.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <inheritdoc cref="SegmentAsync(string?, ReadOnlyMemory{byte}, MaskFormat, CancellationToken)"/>
    Task<byte[]> SegmentAsync(
        string? model, ReadOnlyMemory<byte> image, SegmentSettings settings, CancellationToken cancellationToken = default);
}

/// <summary>Takes an image from the bytes of its file to the bytes of its mask.</summary>
internal sealed class HostSegmenter(Segmenter segmenter, ModelRepository repository) : ISegmenter
{
    public async Task<byte[]> SegmentAsync(
        string? model, ReadOnlyMemory<byte> image, SegmentSettings settings, CancellationToken cancellationToken = default)
    {
        await repository.WaitAsync(model, cancellationToken).ConfigureAwait(false);
        AdmissionRequest wanted = new()
        {
            Model = model,
            Bytes = image.Length,
            Timeout = settings.Timeout ?? Timeout.InfiniteTimeSpan,
            Priority = settings.Priority ?? Priority.Interactive,
            Caller = cancellationToken,
        };
        if (!segmenter.TryAdmit(wanted, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            throw refusal;
        }

        using (admitted)
        {
            ReadOnlyMemory<byte> file = MemoryMarshal.TryGetArray(image, out _) ? image : image.ToArray(); // the decoder pins an array
            using PooledBufferWriter mask = new();
            SegmentationRequest request = new() { Image = file, Settings = settings, Output = mask };
            using SegmentationResult result = await segmenter.SegmentAsync(admitted, request).ConfigureAwait(false);
            return mask.Written.ToArray();
        }
    }
}
