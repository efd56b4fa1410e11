using System.Buffers;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>RGB PNG of the classes' colours.</summary>
internal sealed class ColorPngEncoder : IMaskEncoder
{
    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        using PooledBuffer<byte> rgb = new(checked((int)(content.Size.Pixels * 3)));
        ColorMap.Apply(content.Labels.Span, content.Classes.Palette, rgb.Span);
        PixelFile.Write(rgb.Memory, content.Size, bands: 3, jpegQuality: null, output);
    }
}
