using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OnnxGraph;

/// <summary>How a field's value is encoded; groups (3 and 4) do not occur in ONNX.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    LengthDelimited = 2,
    Fixed32 = 5,
}

/// <summary>A message of onnx.proto: its sub-messages are objects, every other field stays as it was read.</summary>
internal interface IMessage
{
    FieldTable Fields { get; }

    /// <summary>Takes a length-delimited field.</summary>
    /// <returns>False for a field that <see cref="Fields"/> shall keep.</returns>
    bool ReadChild(ProtoReader field);

    /// <summary>Called when the whole message is read.</summary>
    void Finish(ModelOrigin origin)
    {
    }

    /// <summary>Called before the message is written.</summary>
    void Sync()
    {
    }

    /// <summary>Writes what <see cref="ReadChild"/> takes, in the order of the field numbers.</summary>
    void WriteChildren(ProtoWriter writer);
}

/// <summary>The file that a model comes from, and how much structure may still be read from it.</summary>
/// <param name="file">Null for a model that was read from memory.</param>
internal sealed class ModelOrigin(string? file)
{
    // What is read takes more memory than bytes of the file: an empty node has two there, and some hundred here.
    private const int Message = 8;
    private const int Field = 2;
    private int _left = 1 << 24;

    public string? File => file;

    public void CountMessage() => Count(Message);

    public void CountField() => Count(Field);

    private void Count(int cost)
    {
        _left -= cost;
        if (_left < 0)
        {
            throw new OnnxFormatException("expected a graph of at most some 200,000 nodes, got more; split or simplify it");
        }
    }
}

/// <summary>The bytes of a model: a buffer of the caller, or an open file.</summary>
internal sealed class ByteSource : IDisposable
{
    /// <summary>The most bytes that <see cref="Peek"/> gives.</summary>
    public const int WindowLength = 1 << 14;

    private readonly ReadOnlyMemory<byte> _memory;
    private readonly SafeFileHandle? _file;
    private readonly long _length;
    private byte[]? _window;
    private long _windowStart;
    private int _windowLength;

    public ByteSource(ReadOnlyMemory<byte> memory, long start = 0)
    {
        _memory = memory;
        _length = memory.Length;
        Start = start;
    }

    public ByteSource(SafeFileHandle file)
    {
        _file = file;
        _length = RandomAccess.GetLength(file);
    }

    public long Length => _length;

    /// <summary>Where the bytes lie in the file that they were copied from; for messages.</summary>
    public long Start { get; }

    public bool IsFile => _file is not null;

    /// <summary>The next bytes, fewer at the end; valid until the next call.</summary>
    public ReadOnlySpan<byte> Peek(long position, int count)
    {
        count = (int)Math.Min(count, _length - position);
        if (_file is null)
        {
            return _memory.Span.Slice((int)position, count);
        }

        _window ??= new byte[WindowLength];
        if (position < _windowStart || position + count > _windowStart + _windowLength)
        {
            _windowLength = 0;
            int length = (int)Math.Min(WindowLength, _length - position);
            CopyTo(position, _window.AsSpan(0, length));
            _windowStart = position;
            _windowLength = length;
        }

        return _window.AsSpan((int)(position - _windowStart), count);
    }

    public void CopyTo(long position, Span<byte> destination)
    {
        if (_file is null)
        {
            _memory.Span.Slice((int)position, destination.Length).CopyTo(destination);
            return;
        }

        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(_file, destination, position);
            if (read == 0)
            {
                throw new OnnxFormatException(
                    $"expected {_length:N0} bytes, got {position:N0}: the file was shortened while it was read; read it again");
            }

            destination = destination[read..];
            position += read;
        }
    }

    /// <summary>A part of the buffer, or a copy from the file.</summary>
    public ReadOnlyMemory<byte> Memory(long position, int length)
    {
        if (_file is null)
        {
            return _memory.Slice((int)position, length);
        }

        byte[] copy = GC.AllocateUninitializedArray<byte>(length);
        CopyTo(position, copy);
        return copy;
    }

    public void Dispose() => _file?.Dispose();
}

/// <summary>A part of a model's bytes, which need not be in memory.</summary>
internal readonly record struct Payload(ByteSource Source, long Offset, long Length)
{
    /// <summary>Where it begins in the file.</summary>
    public long Position => Source.Start + Offset;

    public static Payload Of(ReadOnlyMemory<byte> bytes) => new(new ByteSource(bytes), 0, bytes.Length);

    /// <summary>A copy in memory of what lies in the file; of at most <see cref="ByteSource.WindowLength"/> bytes.</summary>
    public Payload Load() => new(new ByteSource(Source.Peek(Offset, (int)Length).ToArray(), Position), 0, Length);

    public Payload Slice(long start, long length) => new(Source, Offset + start, length);

    public void CopyTo(Span<byte> destination, long start = 0) => Source.CopyTo(Offset + start, destination);

    public ReadOnlyMemory<byte> ToMemory(long limit)
    {
        if (Length > limit)
        {
            throw new OnnxFormatException($"expected at most {limit:N0} bytes in a field, got {Length:N0}");
        }

        return Source.Memory(Offset, (int)Length);
    }
}

/// <summary>Reads the fields of one message, in their order.</summary>
/// <param name="payload">The message, without its length.</param>
/// <param name="origin">Counts what is read; null where a part is read for the second time.</param>
/// <param name="depth">The number of messages around this one.</param>
internal sealed class ProtoReader(Payload payload, ModelOrigin? origin = null, int depth = 0)
{
    /// <summary>The most bytes of a name or text.</summary>
    public const int MaxText = 1 << 26;

    private const int MaxDepth = 100; // protobuf's own limit, so ONNX Runtime's
    private const int SmallMessage = 1 << 12;
    private const string Broken = "; the file may be cut off: copy or export it again";
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);
    private long _position;
    private long _start;
    private long _bodyStart;

    public int Number { get; private set; }

    public WireType Wire { get; private set; }

    /// <summary>The value, unless it is length-delimited; fixed values as their bits.</summary>
    public ulong Scalar { get; private set; }

    /// <summary>The field with its tag.</summary>
    public Payload Whole => payload.Slice(_start, _position - _start);

    /// <summary>The value of a length-delimited field.</summary>
    public Payload Body => payload.Slice(_bodyStart, _position - _bodyStart);

    public bool AtEnd => _position == payload.Length;

    /// <summary>Reads the next field.</summary>
    /// <returns>False at the end of the message.</returns>
    public bool Next()
    {
        if (AtEnd)
        {
            return false;
        }

        _start = _position;
        ulong tag = Varint();
        Number = (int)(tag >> 3);
        Wire = (WireType)(tag & 7);
        if (tag is < 8 or > uint.MaxValue)
        {
            throw new OnnxFormatException(
                $"no ONNX file: expected the number of a field at byte {At:N0}, got {tag >> 3}{Broken}");
        }

        if (Wire == WireType.LengthDelimited)
        {
            ulong length = Varint();
            _bodyStart = _position;
            Advance(length);
        }
        else
        {
            Scalar = Value(Wire);
        }

        return true;
    }

    /// <summary>Reads a value without a tag, as packed fields hold them.</summary>
    public ulong Value(WireType wire)
    {
        if (wire == WireType.Varint)
        {
            return Varint();
        }

        int length = wire switch
        {
            WireType.Fixed32 => sizeof(uint),
            WireType.Fixed64 => sizeof(ulong),
            _ => throw new OnnxFormatException(
                $"no ONNX file: expected wire type 0, 1, 2 or 5 at byte {At:N0}, got {(int)wire}{Broken}"),
        };
        long start = _position;
        Advance((ulong)length);
        ReadOnlySpan<byte> bytes = payload.Source.Peek(payload.Offset + start, length);
        if (length == sizeof(uint))
        {
            return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>The field as a name, which must be UTF-8: two names that differ shall not become one.</summary>
    public string Name()
    {
        origin?.CountField();
        try
        {
            return Strict.GetString(Body.ToMemory(MaxText).Span);
        }
        catch (DecoderFallbackException)
        {
            throw new OnnxFormatException(
                $"expected a name in UTF-8 at byte {At:N0}, got other bytes; rename the value and export again");
        }
    }

    /// <summary>Reads the field as a message; a field that occurs twice is merged, as protobuf does.</summary>
    public T Message<T>(T message)
        where T : IMessage
    {
        if (depth == MaxDepth)
        {
            throw new OnnxFormatException(
                $"expected at most {MaxDepth} messages in each other, got more; flatten the subgraphs");
        }

        Payload body = Body;
        if (body.Source.IsFile && body.Length <= SmallMessage)
        {
            body = body.Load();
        }

        new ProtoReader(body, origin, depth + 1).ReadAll(message);
        return message;
    }

    /// <summary>Reads all fields into a message.</summary>
    public void ReadAll(IMessage message)
    {
        origin!.CountMessage();
        while (Next())
        {
            if (Wire != WireType.LengthDelimited || !message.ReadChild(this))
            {
                message.Fields.Keep(this, origin);
            }
        }

        message.Fields.Load();
        message.Finish(origin);
    }

    private long At => payload.Position + _start;

    private ulong Varint()
    {
        const int MaxBytes = 10;
        int available = (int)Math.Min(MaxBytes, payload.Length - _position);
        ReadOnlySpan<byte> bytes = payload.Source.Peek(payload.Offset + _position, available);
        ulong value = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] < 0x80)
            {
                _position += i + 1;
                return value;
            }
        }

        throw new OnnxFormatException(
            $"no ONNX file: expected a number at byte {payload.Position + _position:N0}, got its beginning only{Broken}");
    }

    private void Advance(ulong length)
    {
        long left = payload.Length - _position;
        if (length > (ulong)left)
        {
            throw new OnnxFormatException(
                $"no ONNX file: expected {length:N0} bytes at byte {payload.Position + _position:N0}, got {left:N0}{Broken}");
        }

        _position += (long)length;
    }
}
