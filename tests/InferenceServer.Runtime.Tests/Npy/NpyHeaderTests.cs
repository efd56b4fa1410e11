using System.Buffers.Binary;
using InferenceServer.Runtime.Npy;

namespace InferenceServer.Runtime.Tests.Npy;

public class NpyHeaderTests
{
    public static TheoryData<int[], string> Shapes =>
        new() { { [], "()" }, { [5], "(5,)" }, { [3, 4], "(3, 4)" }, { [21, 375, 500], "(21, 375, 500)" } };

    [Theory, MemberData(nameof(Shapes))]
    public void ToBytes_AnyShape_IsWhatNumPyWrites(int[] shape, string text)
    {
        byte[] bytes = new NpyHeader("<f4", FortranOrder: false, shape).ToBytes();

        Assert.Equal(0, bytes.Length % 64);
        Assert.Equal([0x93, .. "NUMPY"u8, 1, 0], bytes[..8]);
        Assert.Equal(bytes.Length - 10, BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8)));
        Assert.Equal(
            $"{{'descr': '<f4', 'fortran_order': False, 'shape': {text}, }}",
            System.Text.Encoding.ASCII.GetString(bytes.AsSpan(10)).TrimEnd(' ', '\n'));
        Assert.Equal((byte)'\n', bytes[^1]);
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Read_OwnHeader_GivesItBack(int[] shape, string text)
    {
        using MemoryStream stream = new([.. new NpyHeader("|u1", FortranOrder: true, shape).ToBytes(), 42]);

        NpyHeader header = NpyHeader.Read(stream);

        Assert.Equal(("|u1", true), (header.Type, header.FortranOrder));
        Assert.Equal(shape, header.Shape);
        Assert.Equal(42, stream.ReadByte());
        Assert.NotEmpty(text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Read_EachVersionAndForeignSpelling_IsUnderstood(byte version)
    {
        using MemoryStream stream = new(File(version, """{"shape":(2 ,3),  "fortran_order" : False, 'descr':'<f4'}"""));

        NpyHeader header = NpyHeader.Read(stream);

        Assert.Equal([2, 3], header.Shape);
        Assert.Equal(6, header.Count);
    }

    public static TheoryData<byte[], string> Unreadable => new()
    {
        { [], "ends within" },
        { [.. "\u0093NUMPX"u8, 1, 0], "Expected an .npy file" },
        { [.. "PNG, really"u8], "Expected an .npy file" },
        { File(4, "{}"), "version 4" },
        { File(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }"), "records" },
        { File(1, "{'descr': '<f4', 'shape': (2,), }"), "with an order" },
        { File(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }"), "a shape of whole numbers" },
        { File(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }"), "a shape of whole numbers" },
        { File(1, "{'descr': '<f4'")[..^4], "ends within" },
        { [0x93, .. "NUMPY"u8, 2, 0, 255, 255, 255, 255], "at most 65,535" },
    };

    [Theory, MemberData(nameof(Unreadable))]
    public void Read_SomethingElse_SaysWhat(byte[] file, string message)
    {
        using MemoryStream stream = new(file);

        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => NpyHeader.Read(stream)).Message, StringComparison.Ordinal);
    }

    private static byte[] File(byte version, string text)
    {
        byte[] length = BitConverter.GetBytes(text.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. version == 1 ? length[..2] : length, .. System.Text.Encoding.ASCII.GetBytes(text)];
    }
}
