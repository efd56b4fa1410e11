using System.Buffers.Binary;
using System.Reflection.PortableExecutable;

namespace InferenceServer.Tests.Deploy;

/// <summary>Tells native files from all others, by their first bytes.</summary>
internal static class NativeFile
{
    /// <summary>The platform that a program or library is made for; null for every other file, managed assemblies among them.</summary>
    public static string? PlatformOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> head = stackalloc byte[20];
        head = head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        if (head.StartsWith("\x7f"u8) && head[1..].StartsWith("ELF"u8))
        {
            return "linux-" + Processor(BinaryPrimitives.ReadUInt16LittleEndian(head[18..]), x64: 62, arm64: 183);
        }

        if (head.StartsWith((ReadOnlySpan<byte>)[0xcf, 0xfa, 0xed, 0xfe]))
        {
            return "osx-" + Processor(BinaryPrimitives.ReadInt32LittleEndian(head[4..]), x64: 0x01000007, arm64: 0x0100000c);
        }

        if (!head.StartsWith("MZ"u8))
        {
            return null;
        }

        file.Position = 0;
        using PEReader library = new(file);
        return library.HasMetadata
            ? null
            : "win-" + Processor((int)library.PEHeaders.CoffHeader.Machine, (int)Machine.Amd64, (int)Machine.Arm64);
    }

    private static string Processor(int machine, int x64, int arm64) =>
        machine == x64 ? "x64" : machine == arm64 ? "arm64" : $"processor {machine}";
}
