using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>Class indices as a PNG with the classes' colours, or as a <see cref="WidePng"/>.</summary>
internal sealed class IndexedPngEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        new((mask.LabelBytes - 1) * mask.Pixels * mask.LabelBytes, mask.LabelBytes * mask.Pixels);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        if (content.WideLabels.IsEmpty)
        {
            PngFile.WriteIndexed(content.Labels.Span, content.Size, content.Classes.Palette, output);
        }
        else
        {
            WidePng.Write(content.WideLabels.Span, content.Size, output);
        }
    }
}

/// <summary>Grey PNG of 16 bits: each pixel is a label.</summary>
internal static class WidePng
{
    /// <summary>Writes a label map.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="size">Size of <paramref name="labels"/>.</param>
    /// <param name="output">Receives the bytes.</param>
    public static void Write(ReadOnlySpan<ushort> labels, ImageSize size, IBufferWriter<byte> output)
    {
        using PooledBuffer<ushort> samples = new(labels.Length);
        BinaryPrimitives.ReverseEndianness(labels, samples.Span); // PNG has the high byte first
        PngFile.Write(MemoryMarshal.AsBytes(samples.Span), size, bands: 1, output, sizeof(ushort), isFlat: true);
    }
}

/// <summary>RGB PNG of the classes' colours.</summary>
internal sealed class ColorPngEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        PngFile.Bytes(mask.Pixels, bands: 3, buffers: 3);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        using PooledBuffer<byte> rgb = new(checked((int)(content.Size.Pixels * 3)));
        if (content.WideLabels.IsEmpty)
        {
            ColorMap.Apply(content.Labels.Span, content.Classes.Palette, rgb.Span);
        }
        else
        {
            ColorMap.Apply(content.WideLabels.Span, content.Classes.Palette, rgb.Span);
        }

        PngFile.Write(rgb.Span, content.Size, bands: 3, output, isFlat: true);
    }
}

/// <summary>RGB PNG of the image itself.</summary>
internal sealed class ViewEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        PngFile.Bytes(mask.Pixels, bands: 3);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output) =>
        PngFile.Write(content.Image.Span, content.Size, bands: 3, output);
}

/// <summary>Grey PNG of the probability of each pixel's class × 255.</summary>
internal sealed class ConfidencePngEncoder : IMaskEncoder
{
    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        PngFile.Bytes(mask.Pixels, bands: 1);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output) =>
        PngFile.Write(content.Confidence.Span, content.Size, bands: 1, output);
}
