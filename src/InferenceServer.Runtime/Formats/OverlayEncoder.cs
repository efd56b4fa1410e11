using System.Buffers;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>The image with the classes' colours blended over it, as JPEG or PNG.</summary>
internal sealed class OverlayEncoder(bool jpeg) : IMaskEncoder
{
    private const int JpegQuality = 90;
    private const int LongestJpegSide = ushort.MaxValue;

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        PixelFile.Bytes(mask.Pixels, bands: 3, buffers: 3);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ImageSize size = content.Size;
        if (jpeg && Math.Max(size.Width, size.Height) > LongestJpegSide)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"Expected sides of at most {LongestJpegSide} pixels for a JPEG, got {size}; request image/png.");
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

        PixelFile.Write(rgb.Memory, size, bands: 3, jpeg ? JpegQuality : null, output);
    }
}
