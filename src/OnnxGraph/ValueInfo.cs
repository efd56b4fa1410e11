using System.Globalization;

namespace OnnxGraph;

/// <summary>The types of a tensor's elements, with ONNX's numbers.</summary>
public enum ElementType
{
    Undefined = 0,
    Float32 = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Float64 = 11,
    UInt32 = 12,
    UInt64 = 13,
    Complex64 = 14,
    Complex128 = 15,
    BFloat16 = 16,
    Float8E4M3FN = 17,
    Float8E4M3FNUZ = 18,
    Float8E5M2 = 19,
    Float8E5M2FNUZ = 20,
    UInt4 = 21,
    Int4 = 22,
    Float4E2M1 = 23,
    Float8E8M0 = 24,
    UInt2 = 25,
    Int2 = 26,
}

/// <summary>Words for the types of elements.</summary>
public static class ElementTypes
{
    /// <summary>The word that NumPy and ONNX use, such as <c>float32</c>, <c>uint8</c> or <c>bool</c>.</summary>
    public static string Name(this ElementType type) => type.ToString().ToLowerInvariant();

    /// <summary>The number of bits of an element; 0 for strings and for types that this library does not know.</summary>
    public static int Bits(this ElementType type) => type switch
    {
        ElementType.UInt2 or ElementType.Int2 => 2,
        ElementType.UInt4 or ElementType.Int4 or ElementType.Float4E2M1 => 4,
        ElementType.UInt8 or ElementType.Int8 or ElementType.Bool => 8,
        >= ElementType.Float8E4M3FN and <= ElementType.Float8E5M2FNUZ or ElementType.Float8E8M0 => 8,
        ElementType.UInt16 or ElementType.Int16 or ElementType.Float16 or ElementType.BFloat16 => 16,
        ElementType.Float32 or ElementType.Int32 or ElementType.UInt32 => 32,
        ElementType.Float64 or ElementType.Int64 or ElementType.UInt64 or ElementType.Complex64 => 64,
        ElementType.Complex128 => 128,
        _ => 0,
    };
}

/// <summary>A dimension of a shape: a number, a name, or neither.</summary>
/// <param name="Value">The number as it is written: some exporters write 0 or -1 for "any".</param>
/// <param name="Parameter">The name of an open dimension, such as <c>batch</c>.</param>
public readonly record struct Dimension(long? Value, string? Parameter = null)
{
    /// <summary>The number, the name, or a question mark.</summary>
    public override string ToString() => Value?.ToString(CultureInfo.InvariantCulture) ?? Parameter ?? "?";
}

/// <summary>The name of a value, with its type and its shape.</summary>
public sealed class ValueInfo : IMessage
{
    private const int MaxRank = 1000;
    private static readonly (int Number, string Kind)[] Kinds =
    [
        (1, "tensor"), (4, "sequence"), (5, "map"), (7, "opaque"), (8, "sparse_tensor"), (9, "optional"),
    ];

    private readonly FieldTable _fields = new();
    private string _name = string.Empty;
    private ElementType _type;
    private IReadOnlyList<Dimension>? _shape;

    /// <summary>Creates the description of a tensor.</summary>
    /// <param name="name">The name of the value.</param>
    /// <param name="type">The type of its elements.</param>
    /// <param name="shape">Its dimensions; null where not even their number is known.</param>
    public ValueInfo(string name, ElementType type, IReadOnlyList<Dimension>? shape)
    {
        Name = name;
        _shape = shape;
        Type = type;
    }

    internal ValueInfo()
    {
    }

    /// <summary>The name of the value.</summary>
    public string Name
    {
        get => _name;
        set => _fields.Set(1, _name = value);
    }

    /// <summary>"tensor", "sequence", "map", "optional", "sparse_tensor" or "opaque"; empty where the file gives no type.</summary>
    public string Kind { get; private set; } = string.Empty;

    /// <summary>The type of the elements; undefined for what is no tensor. Setting it makes the value a tensor.</summary>
    public ElementType Type
    {
        get => _type;
        set
        {
            _type = value;
            Encode();
        }
    }

    /// <summary>The dimensions; null where not even their number is known. Setting them makes the value a tensor.</summary>
    public IReadOnlyList<Dimension>? Shape
    {
        get => _shape;
        set
        {
            _shape = value;
            Encode();
        }
    }

    FieldTable IMessage.Fields => _fields;

    bool IMessage.ReadChild(ProtoReader field)
    {
        if (field.Number == 1)
        {
            _name = field.Name();
        }

        return false;
    }

    void IMessage.Finish(ModelOrigin origin)
    {
        if (_fields.Table(2) is not { } type)
        {
            return;
        }

        Kind = Array.Find(Kinds, kind => type.Has(kind.Number)).Kind ?? string.Empty;
        if (type.Table(1) is not { } tensor)
        {
            return;
        }

        _type = (ElementType)(tensor.Scalar(1) ?? 0);
        if (tensor.Table(2) is { } shape)
        {
            _shape = [.. shape.Bodies(1).Take(MaxRank + 1).Select(Decode)];
            if (_shape.Count > MaxRank)
            {
                throw new OnnxFormatException(
                    $"expected at most {MaxRank:N0} dimensions of '{Name}', got more; export the model again");
            }
        }
    }

    void IMessage.WriteChildren(ProtoWriter writer)
    {
    }

    private static Dimension Decode(Payload body)
    {
        FieldTable dimension = FieldTable.Parse(body);
        return new Dimension((long?)dimension.Scalar(1), dimension.Text(2));
    }

    private static ReadOnlyMemory<byte> Encode(Dimension dimension)
    {
        FieldTable fields = new();
        if (dimension.Value is { } value)
        {
            fields.Set(1, value);
        }
        else
        {
            fields.Set(2, dimension.Parameter);
        }

        return fields.ToBytes();
    }

    // What else the type says, such as its denotation, stays; denotations of dimensions go with the dimensions.
    private void Encode()
    {
        FieldTable type = _fields.Table(2) ?? new FieldTable();
        FieldTable tensor = type.Table(1) ?? new FieldTable();
        tensor.Set(1, (long)_type);
        tensor.Remove(2);
        if (_shape is not null)
        {
            FieldTable shape = new();
            shape.SetBodies(1, _shape.Select(Encode));
            tensor.Set(2, shape.ToBytes());
        }

        Array.ForEach(Kinds, kind => type.Remove(kind.Number));
        type.Set(1, tensor.ToBytes());
        _fields.Set(2, type.ToBytes());
        Kind = "tensor";
    }
}
