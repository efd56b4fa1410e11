using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;

namespace InferenceServer.Runtime.Formats;

/// <summary>One chunk of a PNG: length, type, data, CRC-32 of type and data.</summary>
internal static class PngChunk
{
    public static void Write(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        Crc32 crc = new();
        crc.Append(type);
        crc.Append(data);
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        output.Write(number);
        output.Write(type);
        output.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, crc.GetCurrentHashAsUInt32());
        output.Write(number);
    }
}
