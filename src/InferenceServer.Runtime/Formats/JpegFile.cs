using System.Buffers;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using NetVips;

namespace InferenceServer.Runtime.Formats;

/// <summary>Pixels as a JPEG, without EXIF or a colour profile.</summary>
internal static class JpegFile
{
    /// <summary>Most pixels of a side.</summary>
    public const int LongestSide = ushort.MaxValue;

    private const int Quality = 90;
    private const int UsualShare = 4; // a file that is larger than this part of its pixels makes the buffer grow

    /// <summary>Writes the file.</summary>
    /// <param name="rgb">HWC, 8 bits.</param>
    /// <param name="size">Width and height.</param>
    /// <param name="output">Receives the file in parts, on a thread of libvips.</param>
    public static void Write(ReadOnlyMemory<byte> rgb, ImageSize size, IBufferWriter<byte> output)
    {
        output.GetSpan(rgb.Length / UsualShare);
        bool inPlace = MemoryMarshal.TryGetArray(rgb, out ArraySegment<byte> array) && array.Offset == 0;
        using Image image = Libvips.Over(inPlace ? rgb : rgb.ToArray(), size.Width, size.Height, bands: 3);
        using BufferWriterStream stream = new(output);
        image.JpegsaveStream(stream, q: Quality, keep: Enums.ForeignKeep.None);
    }
}
