using System.Buffers;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using NetVips;

namespace InferenceServer.Runtime.Formats;

/// <summary>Pixels as an image file, without EXIF or a colour profile.</summary>
internal static class PixelFile
{
    private const int FastestPng = 1;
    private const int Headers = 4096;
    private const int Growth = 16; // the fastest compression makes noise longer by a seventeenth

    /// <summary>What writing the largest of such files takes.</summary>
    /// <param name="pixels">Width × height.</param>
    /// <param name="bands">As for <see cref="Write"/>.</param>
    /// <param name="buffers">Bytes of a pixel in the caller's buffers.</param>
    public static EncodingBytes Bytes(long pixels, int bands, int buffers = 0) =>
        new(buffers * pixels, Room(bands * pixels), IsWhole: true);

    /// <summary>Writes the file.</summary>
    /// <param name="pixels">HWC, 8 bits.</param>
    /// <param name="size">Width and height.</param>
    /// <param name="bands">1 for grey, 3 for sRGB, 4 for sRGB with alpha.</param>
    /// <param name="jpegQuality">1 to 100 for a JPEG, whose sides are at most 65535; null for a PNG.</param>
    /// <param name="output">Receives the file in parts, on a thread of libvips.</param>
    public static void Write(ReadOnlyMemory<byte> pixels, ImageSize size, int bands, int? jpegQuality, IBufferWriter<byte> output)
    {
        // The first request has room for nearly every file: a buffer that grows holds the file twice, and unwritten
        // memory costs nothing.
        long room = jpegQuality is null ? Room(pixels.Length) : pixels.Length / 4L;
        output.GetSpan((int)Math.Min(room, Array.MaxLength));
        bool inPlace = MemoryMarshal.TryGetArray(pixels, out ArraySegment<byte> array) && array.Offset == 0;
        using Image image = Libvips.Over(inPlace ? pixels : pixels.ToArray(), size.Width, size.Height, bands);
        using BufferWriterStream stream = new(output);
        if (jpegQuality is { } quality)
        {
            image.JpegsaveStream(stream, q: quality, keep: Enums.ForeignKeep.None);
        }
        else
        {
            image.PngsaveStream(stream, compression: FastestPng, keep: Enums.ForeignKeep.None);
        }
    }

    private static long Room(long bytes) => bytes + (bytes / Growth) + Headers;
}
