using System.Text;

namespace OnnxGraph;

/// <summary>Writes messages, each with its length before it: one pass measures, the next writes.</summary>
/// <remarks>The measuring pass notes the length of each sub-message in the order in which the writing pass meets them, so
/// nothing is written twice or kept. Long fields go from the file straight into the result.</remarks>
internal sealed class ProtoWriter
{
    private const int StreamBuffer = 1 << 16;
    private readonly List<long> _lengths;
    private readonly byte[]? _buffer;
    private readonly Stream? _stream;
    private int _filled;
    private int _nextLength;
    private long _measured;
    private FieldTable _fields = new();
    private int _nextRun;

    private ProtoWriter(List<long> lengths, byte[]? buffer, Stream? stream)
    {
        (_lengths, _buffer, _stream) = (lengths, buffer, stream);
    }

    /// <summary>The length of a message in bytes.</summary>
    public static long Length(IMessage message) => Measure(message).Length;

    /// <summary>The bytes of a message, in an array of exactly their length.</summary>
    public static byte[] ToBytes(IMessage message)
    {
        (long length, List<long> lengths) = Measure(message);
        if (length > Array.MaxLength)
        {
            throw new OnnxFormatException(
                $"expected a model of at most 2 GB, got {length:N0} bytes; save its weights as external data");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)length);
        new ProtoWriter(lengths, bytes, null).Body(message);
        return bytes;
    }

    public static void Write(IMessage message, Stream stream)
    {
        ProtoWriter writer = new(Measure(message).Lengths, new byte[StreamBuffer], stream);
        writer.Body(message);
        writer.Flush();
    }

    /// <summary>Writes names; before them the kept fields of lower numbers.</summary>
    public void Texts(int number, IEnumerable<string> texts)
    {
        Kept(number);
        foreach (string text in texts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            Header(number, bytes.Length);
            Bytes(bytes);
        }
    }

    /// <summary>Writes messages; before them the kept fields of lower numbers.</summary>
    public void Messages(int number, IEnumerable<IMessage> messages)
    {
        Kept(number);
        foreach (IMessage message in messages)
        {
            int index = _nextLength++;
            if (_buffer is null)
            {
                _lengths.Add(0);
                long start = _measured;
                Body(message);
                _lengths[index] = _measured - start;
                Header(number, _lengths[index]);
            }
            else
            {
                Header(number, _lengths[index]);
                Body(message);
            }
        }
    }

    /// <summary>Writes a message that may be missing.</summary>
    public void Message(int number, IMessage? message)
    {
        if (message is not null)
        {
            Messages(number, [message]);
        }
    }

    private static (long Length, List<long> Lengths) Measure(IMessage message)
    {
        ProtoWriter writer = new([], null, null);
        writer.Body(message);
        return (writer._measured, writer._lengths);
    }

    private void Body(IMessage message)
    {
        message.Sync();
        (FieldTable fields, int nextRun) = (_fields, _nextRun);
        (_fields, _nextRun) = (message.Fields, 0);
        message.WriteChildren(this);
        Kept(int.MaxValue);
        (_fields, _nextRun) = (fields, nextRun);
    }

    private void Kept(int before)
    {
        for (; _nextRun < _fields.Runs.Count && _fields.Runs[_nextRun].Number < before; _nextRun++)
        {
            FieldTable.Run run = _fields.Runs[_nextRun];
            if (run.IsBody)
            {
                Header(run.Number, run.Bytes.Length);
            }

            Payload(run.Bytes);
        }
    }

    private void Header(int number, long length)
    {
        Varint(FieldTable.Tag(number, WireType.LengthDelimited));
        Varint((ulong)length);
    }

    private void Varint(ulong value)
    {
        if (_buffer is null)
        {
            _measured += FieldTable.VarintLength(value);
            return;
        }

        Span<byte> bytes = stackalloc byte[10];
        Bytes(bytes[..FieldTable.PutVarint(bytes, value)]);
    }

    private void Bytes(ReadOnlySpan<byte> bytes)
    {
        if (_buffer is null)
        {
            _measured += bytes.Length;
            return;
        }

        while (!bytes.IsEmpty)
        {
            Span<byte> room = Room(bytes.Length);
            bytes[..room.Length].CopyTo(room);
            bytes = bytes[room.Length..];
        }
    }

    private void Payload(Payload payload)
    {
        if (_buffer is null)
        {
            _measured += payload.Length;
            return;
        }

        long done = 0;
        while (done < payload.Length)
        {
            Span<byte> room = Room(payload.Length - done);
            payload.CopyTo(room, done);
            done += room.Length;
        }
    }

    private Span<byte> Room(long wanted)
    {
        if (_filled == _buffer!.Length)
        {
            Flush();
        }

        int length = (int)Math.Min(wanted, _buffer.Length - _filled);
        _filled += length;
        return _buffer.AsSpan(_filled - length, length);
    }

    private void Flush()
    {
        _stream!.Write(_buffer!, 0, _filled);
        _filled = 0;
    }
}
