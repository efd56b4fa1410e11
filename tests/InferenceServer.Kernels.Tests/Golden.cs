using System.IO.Compression;
using System.Runtime.InteropServices;

namespace InferenceServer.Kernels.Tests;

/// <summary>Reads the gzipped raw arrays that the scripts in tests/assets write.</summary>
internal static class Golden
{
    public static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "assets", name);

    public static byte[] Bytes(string folder, string name)
    {
        using FileStream file = File.OpenRead(Path.Combine(Folder(folder), name + ".gz"));
        using GZipStream gzip = new(file, CompressionMode.Decompress);
        using MemoryStream bytes = new();
        gzip.CopyTo(bytes);
        return bytes.ToArray();
    }

    public static float[] Floats(string folder, string name) => MemoryMarshal.Cast<byte, float>(Bytes(folder, name)).ToArray();
}
