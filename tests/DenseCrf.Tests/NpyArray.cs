using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace DenseCrf.Tests;

/// <summary>A gzipped NumPy file of format 1.0, in C order.</summary>
internal sealed partial class NpyArray
{
    private readonly byte[] _data;

    private NpyArray(byte[] data, int[] shape)
    {
        _data = data;
        Shape = shape;
    }

    public int[] Shape { get; }

    public ReadOnlySpan<byte> Bytes => _data;

    public ReadOnlySpan<float> Floats => MemoryMarshal.Cast<byte, float>(_data);

    public static NpyArray Read(string path)
    {
        using GZipStream gzip = new(File.OpenRead(path), CompressionMode.Decompress);
        using MemoryStream memory = new();
        gzip.CopyTo(memory);
        byte[] file = memory.ToArray();
        int header = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(8));
        string text = Encoding.ASCII.GetString(file, 10, header);
        string[] sides = Shapes().Match(text).Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries);
        return new NpyArray(file[(10 + header)..], [.. sides.Select(side => int.Parse(side.Trim()))]);
    }

    [GeneratedRegex(@"'shape': \(([\d, ]*?),? ?\)")]
    private static partial Regex Shapes();
}
