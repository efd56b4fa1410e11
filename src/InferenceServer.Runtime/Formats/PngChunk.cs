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

/// <summary>Splits a compressed stream into IDAT chunks.</summary>
internal sealed class PngDataStream(IBufferWriter<byte> output) : Stream
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(32 * 1024);
    private int _count;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int taken = Math.Min(buffer.Length, _buffer.Length - _count);
            buffer[..taken].CopyTo(_buffer.AsSpan(_count));
            _count += taken;
            buffer = buffer[taken..];
            if (_count == _buffer.Length)
            {
                WriteChunk();
            }
        }
    }

    // A flush of the compressor does not end a chunk.
    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && _buffer.Length > 0)
        {
            WriteChunk();
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }

        base.Dispose(disposing);
    }

    private void WriteChunk()
    {
        if (_count > 0)
        {
            PngChunk.Write("IDAT"u8, _buffer.AsSpan(0, _count), output);
            _count = 0;
        }
    }
}
