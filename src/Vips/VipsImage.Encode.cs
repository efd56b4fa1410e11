using System.Buffers;
using Vips.Interop;

namespace Vips;

public sealed partial class VipsImage
{
    private const int KeepNothing = 0;   // VipsForeignKeep

    /// <summary>Encodes as baseline JPEG. Neither EXIF nor a colour profile is written.</summary>
    /// <param name="output">Receives the file.</param>
    /// <param name="quality">1 to 100.</param>
    /// <exception cref="ArgumentOutOfRangeException">The quality is outside its range.</exception>
    /// <exception cref="VipsException">The pixels cannot be computed, or a side is longer than 65535.</exception>
    public void EncodeJpeg(IBufferWriter<byte> output, int quality)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfLessThan(quality, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        using VipsOperation save = new("jpegsave_buffer");
        save.Set("in", this).Set("Q", quality).Set("keep", KeepNothing).ToBuffer(output);
    }

    /// <summary>Encodes as PNG with the bands and bits that the image has, without a palette. No metadata is written.</summary>
    /// <param name="output">Receives the file.</param>
    /// <param name="compression">zlib's level: 0, stored, to 9, smallest and slowest. Rows are not filtered, which suits masks.</param>
    /// <exception cref="ArgumentOutOfRangeException">The compression is outside its range.</exception>
    /// <exception cref="VipsException">The pixels cannot be computed.</exception>
    public void EncodePng(IBufferWriter<byte> output, int compression)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfNegative(compression);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(compression, 9);
        using VipsOperation save = new("pngsave_buffer");
        save.Set("in", this).Set("compression", compression).Set("keep", KeepNothing).ToBuffer(output);
    }
}
