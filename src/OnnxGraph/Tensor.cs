using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace OnnxGraph;

/// <summary>Where a tensor's data lies outside of the model.</summary>
/// <param name="Location">The file, relative to the model's folder.</param>
/// <param name="Offset">Where the data begins in it, in bytes.</param>
/// <param name="Length">Its length in bytes; null where the shape tells.</param>
public sealed record ExternalData(string Location, long Offset = 0, long? Length = null);

/// <summary>A constant: its type, its shape, and where its data lies.</summary>
/// <remarks>The data is read when it is asked for, and not kept.</remarks>
public sealed class Tensor : IMessage
{
    /// <summary>The most bytes that are read unless the caller allows more.</summary>
    public const long DefaultLimit = 1L << 28;

    private const int MaxRank = 1000;
    private const int RawData = 9;
    private readonly FieldTable _fields = new();
    private ModelOrigin? _origin;
    private string _name = string.Empty;

    internal Tensor()
    {
    }

    /// <summary>The name of the value.</summary>
    public string Name
    {
        get => _name;
        set => _fields.Set(8, _name = value);
    }

    /// <summary>The type of the elements.</summary>
    public ElementType Type => (ElementType)(_fields.Scalar(2) ?? 0);

    /// <summary>The shape; empty for a scalar. To change it, set another array.</summary>
    public long[] Dims { get; set; } = [];

    /// <summary>The number of elements.</summary>
    /// <exception cref="OnnxFormatException">The shape is negative, or more than any memory.</exception>
    public long Count
    {
        get
        {
            Int128 count = 1;
            foreach (long side in Dims)
            {
                count *= side;
                if (side < 0 || count > long.MaxValue)
                {
                    throw Fault($"sides of 0 and more with a product below 2^63, got {string.Join('×', Dims)}");
                }
            }

            return (long)count;
        }
    }

    /// <summary>Whether the data lies in a file of its own.</summary>
    public bool IsExternal => _fields.Scalar(14) == 1;

    /// <summary>Where the data lies outside of the model; null where it lies inside. Setting it lets go of the data inside.</summary>
    /// <exception cref="OnnxFormatException">The offset or the length is no number.</exception>
    public ExternalData? External
    {
        get
        {
            if (!IsExternal)
            {
                return null;
            }

            Dictionary<string, string> entries = [];
            foreach (Payload body in _fields.Bodies(13))
            {
                FieldTable entry = FieldTable.Parse(body);
                entries[entry.Text(1) ?? string.Empty] = entry.Text(2) ?? string.Empty;
            }

            return new ExternalData(
                entries.GetValueOrDefault("location", string.Empty), Bytes(entries, "offset") ?? 0, Bytes(entries, "length"));
        }

        set
        {
            _fields.Remove(13);
            _fields.Remove(14);
            if (value is null)
            {
                return;
            }

            Array.ForEach([4, 5, 6, 7, RawData, 10, 11], _fields.Remove);
            List<(string Key, string Value)> entries =
            [
                ("location", value.Location), ("offset", value.Offset.ToString(CultureInfo.InvariantCulture)),
            ];
            if (value.Length is { } length)
            {
                entries.Add(("length", length.ToString(CultureInfo.InvariantCulture)));
            }

            _fields.SetBodies(13, entries.Select(Entry));
            _fields.Set(14, 1);
        }
    }

    FieldTable IMessage.Fields => _fields;

    /// <summary>A tensor of 64-bit integers, in the order of rows.</summary>
    public static Tensor Create(string name, long[] dims, long[] values) => Create(name, ElementType.Int64, dims, Bytes<long>(values));

    /// <summary>A tensor of 32-bit integers, in the order of rows.</summary>
    public static Tensor Create(string name, long[] dims, int[] values) => Create(name, ElementType.Int32, dims, Bytes<int>(values));

    /// <summary>A tensor of floats, in the order of rows.</summary>
    public static Tensor Create(string name, long[] dims, float[] values) => Create(name, ElementType.Float32, dims, Bytes<float>(values));

    /// <summary>A tensor of bytes, in the order of rows.</summary>
    public static Tensor Create(string name, long[] dims, byte[] values) => Create(name, ElementType.UInt8, dims, values);

    /// <summary>A tensor of any type but strings.</summary>
    /// <param name="name">The name of the value.</param>
    /// <param name="type">The type of the elements.</param>
    /// <param name="dims">The shape.</param>
    /// <param name="data">The elements in the order of rows, little-endian; kept, not copied.</param>
    /// <exception cref="ArgumentException">The shape and the data differ in length.</exception>
    public static Tensor Create(string name, ElementType type, long[] dims, ReadOnlyMemory<byte> data)
    {
        Tensor tensor = new() { Name = name, Dims = dims };
        tensor._fields.Set(2, (long)type);
        tensor._fields.Set(RawData, data);
        if (type.Bits() == 0 || tensor.ByteCount() != data.Length)
        {
            throw new ArgumentException(
                $"expected the bytes of {string.Join('×', dims)} elements of {type.Name()}, got {data.Length:N0}", nameof(data));
        }

        return tensor;
    }

    /// <summary>The elements as little-endian bytes, however they are stored.</summary>
    /// <param name="limit">The most bytes.</param>
    /// <exception cref="OnnxFormatException">The data does not fit the shape, is longer than the limit, holds strings, or lies in
    /// a file that is missing, too short or outside of the model's folder.</exception>
    public byte[] ReadBytes(long limit = DefaultLimit)
    {
        long length = ByteCount();
        if (length > Math.Min(limit, Array.MaxLength))
        {
            throw Fault($"at most {limit:N0} bytes, got {length:N0}");
        }

        if (External is { } external)
        {
            return ReadExternal(external, (int)length);
        }

        long stored = StoredBytes(length);
        if (stored != length)
        {
            throw Fault($"{length:N0} bytes of data, got {stored:N0}");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)length);
        ReadInto(bytes);
        return bytes;
    }

    /// <summary>The elements of a tensor of integers or truth values.</summary>
    /// <exception cref="OnnxFormatException">The type is another one, or <see cref="ReadBytes"/> fails.</exception>
    public long[] ReadInt64s(long limit = DefaultLimit) => Type switch
    {
        ElementType.Int64 => Values<long, long>(limit),
        ElementType.Int32 => Values<int, long>(limit),
        ElementType.Int16 => Values<short, long>(limit),
        ElementType.Int8 => Values<sbyte, long>(limit),
        ElementType.UInt64 => Values<ulong, long>(limit),
        ElementType.UInt32 => Values<uint, long>(limit),
        ElementType.UInt16 => Values<ushort, long>(limit),
        ElementType.UInt8 or ElementType.Bool => Values<byte, long>(limit),
        _ => throw Fault($"integers, got {Type.Name()}"),
    };

    /// <summary>The elements of a tensor of floats of 16 to 64 bits or of integers.</summary>
    /// <exception cref="OnnxFormatException">The type is another one, or <see cref="ReadBytes"/> fails.</exception>
    public float[] ReadFloats(long limit = DefaultLimit) => Type switch
    {
        ElementType.Float32 => Values<float, float>(limit),
        ElementType.Float64 => Values<double, float>(limit),
        ElementType.Float16 => Values<Half, float>(limit),
        ElementType.BFloat16 => Array.ConvertAll(
            Values<ushort, uint>(limit), bits => BitConverter.UInt32BitsToSingle(bits << 16)),
        _ => Array.ConvertAll(ReadInt64s(limit), value => (float)value),
    };

    /// <summary>The elements of a tensor of strings.</summary>
    /// <exception cref="OnnxFormatException">The type is another one, or the strings are more or fewer than the shape says.</exception>
    public string[] ReadStrings()
    {
        if (Type != ElementType.String || IsExternal)
        {
            throw Fault($"strings within the model, got {Type.Name()}");
        }

        string[] strings = [.. _fields.Bodies(6).Select(body => Encoding.UTF8.GetString(body.ToMemory(ProtoReader.MaxText).Span))];
        if (strings.Length != Count)
        {
            throw Fault($"{Count:N0} strings, got {strings.Length:N0}");
        }

        return strings;
    }

    /// <summary>What is wrong with the file of the external data; null where nothing is.</summary>
    internal string? MissingFile()
    {
        if (External is not { } external)
        {
            return null;
        }

        FileSystemInfo? file = FileOf(external);
        if (file is { Exists: true, LinkTarget: not null })
        {
            file = file.ResolveLinkTarget(returnFinalTarget: true);
        }

        if (file is not FileInfo { Exists: true, Length: var length })
        {
            return external.Location;
        }

        Int128 wanted = (Int128)external.Offset + (external.Length ?? ByteCount());
        if (length < wanted)
        {
            return $"{external.Location} (needs {wanted:N0} bytes, has {length:N0})";
        }

        return null;
    }

    bool IMessage.ReadChild(ProtoReader field)
    {
        if (field.Number == 8)
        {
            _name = field.Name();
        }

        return false;
    }

    void IMessage.Finish(ModelOrigin origin)
    {
        _origin = origin;
        Dims = StoredDims();
    }

    void IMessage.Sync()
    {
        if (!Dims.AsSpan().SequenceEqual(StoredDims()))
        {
            _fields.Set(1, Array.ConvertAll(Dims, side => (ulong)side));
        }
    }

    void IMessage.WriteChildren(ProtoWriter writer)
    {
    }

    private static byte[] Bytes<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        Swap<T>(bytes);
        return bytes;
    }

    // The file is little-endian; so is every machine that .NET runs on but one.
    private static void Swap<T>(Span<byte> bytes)
        where T : unmanaged
    {
        if (!BitConverter.IsLittleEndian)
        {
            int size = Marshal.SizeOf<T>();
            for (int i = 0; i < bytes.Length; i += size)
            {
                bytes.Slice(i, size).Reverse();
            }
        }
    }

    private static ReadOnlyMemory<byte> Entry((string Key, string Value) pair)
    {
        FieldTable fields = new();
        fields.Set(1, pair.Key);
        fields.Set(2, pair.Value);
        return fields.ToBytes();
    }

    private long? Bytes(Dictionary<string, string> entries, string key)
    {
        if (!entries.TryGetValue(key, out string? text))
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            return number;
        }

        throw Fault($"a number of bytes as the {key} of its external data, got '{text}'");
    }

    private long[] StoredDims() => Array.ConvertAll(_fields.Scalars(1, limit: MaxRank), side => (long)side);

    private long ByteCount()
    {
        int bits = Type.Bits();
        if (bits == 0)
        {
            throw Fault($"elements of a fixed length, got {Type.Name()}");
        }

        Int128 bytes = (((Int128)Count * bits) + 7) / 8;
        return (long)Int128.Min(bytes, long.MaxValue);
    }

    private TTo[] Values<TFrom, TTo>(long limit)
        where TFrom : unmanaged, INumber<TFrom>
        where TTo : INumber<TTo>
    {
        byte[] bytes = ReadBytes(limit);
        Swap<TFrom>(bytes);
        ReadOnlySpan<TFrom> values = MemoryMarshal.Cast<byte, TFrom>(bytes);
        TTo[] converted = new TTo[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            try
            {
                converted[i] = TTo.CreateChecked(values[i]);
            }
            catch (OverflowException)
            {
                throw Fault($"numbers below 2^63, got {values[i]}");
            }
        }

        return converted;
    }

    // The field of a type's data, and how a value is encoded in it.
    private (int Number, WireType Wire) TypedData() => Type switch
    {
        ElementType.Float32 or ElementType.Complex64 => (4, WireType.Fixed32),
        ElementType.Float64 or ElementType.Complex128 => (10, WireType.Fixed64),
        ElementType.Int64 => (7, WireType.Varint),
        ElementType.UInt64 or ElementType.UInt32 => (11, WireType.Varint),
        _ => (5, WireType.Varint),
    };

    // The bytes of an element as a value of the typed fields; small types share a byte.
    private int ValueBytes(WireType wire) => wire switch
    {
        WireType.Fixed32 => 4,
        WireType.Fixed64 => 8,
        _ => Math.Max(1, Type.Bits() / 8),
    };

    // Counts before anything is allocated; stops where there is too much.
    private long StoredBytes(long enough)
    {
        if (_fields.Has(RawData))
        {
            return _fields.Body(RawData)?.Length ?? 0;
        }

        (int number, WireType wire) = TypedData();
        long bytes = 0;
        foreach (FieldValue value in _fields.Values(number))
        {
            if (value.Wire == WireType.LengthDelimited && wire != WireType.Varint)
            {
                bytes += value.Body.Length;
            }
            else if (value.Wire == WireType.LengthDelimited)
            {
                ProtoReader packed = new(value.Body);
                for (; !packed.AtEnd && bytes <= enough; packed.Value(wire))
                {
                    bytes += ValueBytes(wire);
                }
            }
            else if (value.Wire == wire)
            {
                bytes += ValueBytes(wire);
            }
        }

        return bytes;
    }

    private void ReadInto(Span<byte> bytes)
    {
        if (_fields.Has(RawData))
        {
            _fields.Body(RawData)?.CopyTo(bytes);
            return;
        }

        (int number, WireType wire) = TypedData();
        foreach (FieldValue value in _fields.Values(number))
        {
            if (value.Wire == WireType.LengthDelimited && wire != WireType.Varint)
            {
                value.Body.CopyTo(bytes[..(int)value.Body.Length]);
                bytes = bytes[(int)value.Body.Length..];
            }
            else if (value.Wire == WireType.LengthDelimited)
            {
                ProtoReader packed = new(value.Body);
                while (!packed.AtEnd)
                {
                    bytes = Put(bytes, packed.Value(wire), wire);
                }
            }
            else if (value.Wire == wire)
            {
                bytes = Put(bytes, value.Scalar, wire);
            }
        }
    }

    private Span<byte> Put(Span<byte> bytes, ulong value, WireType wire)
    {
        Span<byte> whole = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(whole, value);
        int length = ValueBytes(wire);
        whole[..length].CopyTo(bytes);
        return bytes[length..];
    }

    private byte[] ReadExternal(ExternalData external, int length)
    {
        if (external.Length is { } given && given != length)
        {
            throw Fault($"{length:N0} bytes of external data, got {given:N0}");
        }

        if (MissingFile() is { } fault)
        {
            throw Fault($"its data in a file beside the model, got none: {fault}");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>(length);
        using FileStream stream = FileOf(external)!.OpenRead();
        stream.Position = external.Offset;
        stream.ReadExactly(bytes);
        return bytes;
    }

    // Null where the location is no file in the model's folder or below it.
    private FileInfo? FileOf(ExternalData external)
    {
        if (_origin?.File is not { } model || external.Location is "" || external.Location.Contains('\0'))
        {
            return null;
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(model))!;
        string file = Path.GetFullPath(Path.Combine(folder, external.Location));
        string relative = Path.GetRelativePath(folder, file);
        if (relative == ".." || Path.IsPathRooted(relative)
            || relative.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            return null;
        }

        return new FileInfo(file);
    }

    private OnnxFormatException Fault(string expectation) =>
        new($"tensor '{Name}': expected {expectation}; export the model again with its data");
}

/// <summary>A constant that is stored as its values other than zero.</summary>
public sealed class SparseTensor : IMessage
{
    private readonly FieldTable _fields = new();

    internal SparseTensor()
    {
    }

    /// <summary>The name of the value, which is that of <see cref="Values"/>.</summary>
    public string Name => Values?.Name ?? string.Empty;

    /// <summary>The values other than zero.</summary>
    public Tensor? Values { get; private set; }

    /// <summary>Where each of them lies: its index in the order of rows, or its coordinates.</summary>
    public Tensor? Indices { get; private set; }

    /// <summary>The shape of the whole.</summary>
    public long[] Dims => Array.ConvertAll(_fields.Scalars(3, limit: 1000), side => (long)side);

    FieldTable IMessage.Fields => _fields;

    internal IEnumerable<Tensor> Tensors => new[] { Values, Indices }.OfType<Tensor>();

    bool IMessage.ReadChild(ProtoReader field)
    {
        switch (field.Number)
        {
            case 1:
                Values = field.Message(Values ?? new Tensor());
                return true;
            case 2:
                Indices = field.Message(Indices ?? new Tensor());
                return true;
            default:
                return false;
        }
    }

    void IMessage.WriteChildren(ProtoWriter writer)
    {
        writer.Message(1, Values);
        writer.Message(2, Indices);
    }
}
