using System.Buffers;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>The image with the classes' colours blended over it, as JPEG or PNG.</summary>
internal sealed class OverlayEncoder(bool jpeg) : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        PngFile.Bytes(mask.Pixels, bands: 3, buffers: 3);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ImageSize size = content.Size;
        if (jpeg && Math.Max(size.Width, size.Height) > JpegFile.LongestSide)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"Expected sides of at most {JpegFile.LongestSide} pixels for a JPEG, got {size}; request image/png.");
        }

        using PooledBuffer<byte> rgb = new(checked((int)(size.Pixels * 3)));
        ReadOnlySpan<byte> image = content.Image.Span;
        if (content.WideLabels.IsEmpty)
        {
            OverlayBlender.Blend(image, content.Labels.Span, content.Classes.Palette, options.Alpha, rgb.Span);
        }
        else
        {
            OverlayBlender.Blend(image, content.WideLabels.Span, content.Classes.Palette, options.Alpha, rgb.Span);
        }

        if (jpeg)
        {
            JpegFile.Write(rgb.Memory, size, output);
            return;
        }

        PngFile.Write(rgb.Span, size, bands: 3, output);
    }
}
