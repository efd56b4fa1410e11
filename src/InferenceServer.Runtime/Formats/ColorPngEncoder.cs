using System.Buffers;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;
using Vips;

namespace InferenceServer.Runtime.Formats;

/// <summary>RGB PNG of the classes' colours.</summary>
internal sealed class ColorPngEncoder : IMaskEncoder
{
    public string ContentType => "image/png";

    public void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        using PooledBuffer<byte> rgb = new(checked((int)(result.Mask.Size.Pixels * 3)));
        ColorMap.Apply(result.Mask.Labels.Span, result.Classes.Palette, rgb.Span);
        using VipsImage image = VipsImage.FromPixels(rgb.Memory, result.Mask.Size.Width, result.Mask.Size.Height, bands: 3);
        image.EncodePng(output, compression: 1);
    }
}
