namespace InferenceServer.Runtime.Inspection;

/// <summary>Reads the operator set from an ONNX file without reading the weights; ONNX Runtime's API does not expose
/// the operator set.</summary>
/// <remarks>onnx.proto: ModelProto.opset_import is field 8; OperatorSetIdProto has the domain in field 1, the version
/// in field 2.</remarks>
internal static class OnnxHeader
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int LengthDelimited = 2;
    private const int Fixed32 = 5;

    /// <summary>The version of ONNX's own operator set; null where the file names no version or is not
    /// protobuf.</summary>
    public static int? ReadOpset(Stream model)
    {
        try
        {
            while (model.Position < model.Length)
            {
                (int field, int type) = ReadTag(model);
                if (field == 8 && type == LengthDelimited)
                {
                    if (ReadOpsetImport(model, ReadVarint(model)) is { } version)
                    {
                        return version;
                    }
                }
                else
                {
                    Skip(model, type);
                }
            }
        }
        catch (InvalidDataException)
        {
            // The version is only shown to people; ONNX Runtime decides whether the file is valid.
        }

        return null;
    }

    private static int? ReadOpsetImport(Stream model, long length)
    {
        long end = model.Position + length;
        bool isOnnx = true; // a missing domain is the empty domain, which is ONNX's own
        long version = 0;
        while (model.Position < end)
        {
            (int field, int type) = ReadTag(model);
            if (field == 1 && type == LengthDelimited)
            {
                long characters = ReadVarint(model);
                isOnnx = characters == 0;
                model.Position += characters;
            }
            else if (field == 2 && type == Varint)
            {
                version = ReadVarint(model);
            }
            else
            {
                Skip(model, type);
            }
        }

        if (isOnnx && version is > 0 and <= int.MaxValue)
        {
            return (int)version;
        }

        return null;
    }

    private static (int Field, int Type) ReadTag(Stream model)
    {
        long tag = ReadVarint(model);
        return ((int)(tag >> 3), (int)(tag & 7));
    }

    private static void Skip(Stream model, int type)
    {
        if (type == Varint)
        {
            ReadVarint(model);
            return;
        }

        long length = type switch
        {
            Fixed64 => 8,
            LengthDelimited => ReadVarint(model),
            Fixed32 => 4,
            _ => -1,
        };
        model.Position += length >= 0 ? length : throw new InvalidDataException("No protobuf.");
    }

    private static long ReadVarint(Stream model)
    {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            int next = model.ReadByte();
            if (next < 0)
            {
                break;
            }

            value |= (long)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("No protobuf.");
    }
}
