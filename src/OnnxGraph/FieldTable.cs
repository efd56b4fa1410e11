using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace OnnxGraph;

/// <summary>A value of a field; the scalar or the body, as the wire type says.</summary>
internal readonly record struct FieldValue(WireType Wire, ulong Scalar, Payload Body);

/// <summary>The fields of a message that are no objects of their own, as they were read: known ones are decoded when they
/// are asked for, unknown ones are written back as they are.</summary>
internal sealed class FieldTable : IMessage
{
    private const int InMemory = 1 << 10;
    private const int MaxValues = 1 << 24;
    private readonly List<Run> _runs = [];

    /// <summary>Fields of one number that follow each other.</summary>
    /// <param name="Number">The number of the field.</param>
    /// <param name="Bytes">The fields with their tags, or the body of one field.</param>
    /// <param name="IsBody">The tag and the length are yet to be written.</param>
    internal readonly record struct Run(int Number, Payload Bytes, bool IsBody);

    public IReadOnlyList<Run> Runs => _runs;

    FieldTable IMessage.Fields => this;

    /// <summary>The fields of a message whose bytes are at hand.</summary>
    public static FieldTable Parse(Payload message)
    {
        FieldTable fields = new();
        ProtoReader reader = new(message);
        while (reader.Next())
        {
            fields.Keep(reader, null);
        }

        return fields;
    }

    /// <summary>Keeps a field as it is.</summary>
    public void Keep(ProtoReader field, ModelOrigin? origin)
    {
        Payload whole = field.Whole;
        if (_runs is [.., { IsBody: false } last] && last.Number == field.Number && last.Bytes.Source == whole.Source
            && last.Bytes.Offset + last.Bytes.Length == whole.Offset)
        {
            _runs[^1] = last with { Bytes = last.Bytes with { Length = last.Bytes.Length + whole.Length } };
            return;
        }

        origin?.CountField();
        _runs.Add(new Run(field.Number, whole, false));
    }

    /// <summary>Takes short fields out of the file; long ones stay there.</summary>
    public void Load()
    {
        for (int i = 0; i < _runs.Count; i++)
        {
            if (_runs[i].Bytes is { Source.IsFile: true, Length: <= InMemory } bytes)
            {
                _runs[i] = _runs[i] with { Bytes = bytes.Load() };
            }
        }
    }

    /// <summary>All values of a field, packed ones as one body.</summary>
    public IEnumerable<FieldValue> Values(int number)
    {
        foreach (Run run in _runs)
        {
            if (run.Number != number)
            {
                continue;
            }

            if (run.IsBody)
            {
                yield return new FieldValue(WireType.LengthDelimited, 0, run.Bytes);
                continue;
            }

            ProtoReader reader = new(run.Bytes);
            while (reader.Next())
            {
                yield return new FieldValue(reader.Wire, reader.Scalar, reader.Body);
            }
        }
    }

    public bool Has(int number) => _runs.Exists(run => run.Number == number);

    public IEnumerable<Payload> Bodies(int number) =>
        Values(number).Where(value => value.Wire == WireType.LengthDelimited).Select(value => value.Body);

    /// <summary>The last body of a field that occurs once; null where there is none.</summary>
    public Payload? Body(int number)
    {
        Payload? last = null;
        foreach (Payload body in Bodies(number))
        {
            last = body;
        }

        return last;
    }

    /// <summary>A sub-message of few bytes; one that occurs several times is merged.</summary>
    public FieldTable? Table(int number)
    {
        FieldTable? merged = null;
        foreach (Payload body in Bodies(number))
        {
            FieldTable table = Parse(body);
            merged ??= new FieldTable();
            merged._runs.AddRange(table._runs);
        }

        return merged;
    }

    public string? Text(int number)
    {
        if (Body(number) is not { } body)
        {
            return null;
        }

        return Encoding.UTF8.GetString(body.ToMemory(ProtoReader.MaxText).Span);
    }

    public ulong? Scalar(int number, WireType wire = WireType.Varint)
    {
        ulong? last = null;
        foreach (FieldValue value in Values(number))
        {
            if (value.Wire == wire)
            {
                last = value.Scalar;
            }
        }

        return last;
    }

    /// <summary>All numbers of a repeated field, packed or not.</summary>
    public ulong[] Scalars(int number, WireType wire = WireType.Varint, int limit = MaxValues)
    {
        List<ulong> values = [];
        foreach (FieldValue value in Values(number))
        {
            if (value.Wire == wire)
            {
                Add(value.Scalar);
            }
            else if (value.Wire == WireType.LengthDelimited)
            {
                ProtoReader packed = new(value.Body);
                while (!packed.AtEnd)
                {
                    Add(packed.Value(wire));
                }
            }
        }

        return [.. values];

        void Add(ulong value)
        {
            if (values.Count == limit)
            {
                throw new OnnxFormatException($"expected at most {limit:N0} numbers in field {number}, got more");
            }

            values.Add(value);
        }
    }

    public void Remove(int number) => _runs.RemoveAll(run => run.Number == number);

    /// <summary>Replaces a field; null removes it.</summary>
    public void Set(int number, string? text)
    {
        if (text is null)
        {
            Remove(number);
            return;
        }

        Set(number, (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(text));
    }

    public void Set(int number, ReadOnlyMemory<byte> body) => SetBodies(number, [body]);

    public void SetBodies(int number, IEnumerable<ReadOnlyMemory<byte>> bodies)
    {
        Remove(number);
        foreach (ReadOnlyMemory<byte> body in bodies)
        {
            Insert(new Run(number, Payload.Of(body), true));
        }
    }

    /// <summary>Replaces a field by numbers that are not packed, as protobuf writes those of ONNX that are no tensor's data.</summary>
    public void Set(int number, ReadOnlySpan<ulong> values, WireType wire = WireType.Varint)
    {
        Remove(number);
        if (values.IsEmpty)
        {
            return;
        }

        byte[] bytes = new byte[values.Length * 16];
        int length = 0;
        foreach (ulong value in values)
        {
            length += PutVarint(bytes.AsSpan(length), Tag(number, wire));
            if (wire == WireType.Varint)
            {
                length += PutVarint(bytes.AsSpan(length), value);
            }
            else
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(length), (uint)value);
                length += sizeof(uint);
            }
        }

        Insert(new Run(number, Payload.Of(bytes.AsMemory(0, length)), false));
    }

    public void Set(int number, long value) => Set(number, [(ulong)value]);

    public byte[] ToBytes() => ProtoWriter.ToBytes(this);

    bool IMessage.ReadChild(ProtoReader field) => false;

    void IMessage.WriteChildren(ProtoWriter writer)
    {
    }

    internal static ulong Tag(int number, WireType wire) => ((ulong)number << 3) | (ulong)wire;

    internal static int VarintLength(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    internal static int PutVarint(Span<byte> destination, ulong value)
    {
        int length = 0;
        while (value >= 0x80)
        {
            destination[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        destination[length++] = (byte)value;
        return length;
    }

    private void Insert(Run run)
    {
        int after = _runs.FindLastIndex(other => other.Number <= run.Number);
        _runs.Insert(after + 1, run);
    }
}
