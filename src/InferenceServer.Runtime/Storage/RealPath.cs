using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace InferenceServer.Runtime.Storage;

/// <summary>Resolves all links in a path. The resolved path distinguishes two releases whose names, lengths and times
/// are equal.</summary>
internal static class RealPath
{
    private const int MostLinks = 40; // Linux's own limit

    /// <exception cref="IOException">The links form a cycle.</exception>
    public static string Of(string path) => Of(Path.GetFullPath(path), MostLinks);

    private static string Of(string path, int links)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return path; // the root
        }

        string folder = Of(parent, links);
        FileInfo entry = new(Path.Combine(folder, Path.GetFileName(path)));
        if (entry.LinkTarget is not { } target)
        {
            return entry.FullName;
        }

        if (links > 0)
        {
            return Of(Path.GetFullPath(target, folder), links - 1);
        }

        throw new IOException($"Expected at most {MostLinks} links, got more: '{entry.FullName}'.");
    }
}

/// <summary>Tells files from pipes, sockets and devices: opening one of those may wait for ever.</summary>
internal static class RegularFile
{
    private const int CurrentFolder = -100, StatxBytes = 256, ModeAt = 28;
    private const uint TypeOnly = 1;
    private const int TypeMask = 0xF000;

    /// <summary>What stands at a path in place of a file, with its links resolved; null for a file or a folder, for a
    /// path that leads nowhere, and where the system does not say.</summary>
    public static string? Obstacle(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        return TypeOf(path) switch
        {
            0x1000 => "a named pipe",
            0x2000 or 0x6000 => "a device",
            0xC000 => "a socket",
            _ => null,
        };
    }

    private static int? TypeOf(string path)
    {
        byte[] answer = new byte[StatxBytes];
        try
        {
            if (Statx(CurrentFolder, Encoding.UTF8.GetBytes(path + '\0'), flags: 0, TypeOnly, answer) == 0)
            {
                return BinaryPrimitives.ReadUInt16LittleEndian(answer.AsSpan(ModeAt)) & TypeMask;
            }
        }
        catch (EntryPointNotFoundException)
        {
            // A C library of before 2018.
        }

        return null;
    }

    // The same layout of the answer on all processors, unlike that of stat.
    [DllImport("libc", EntryPoint = "statx")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, byte[] path, int flags, uint mask, byte[] answer);
}
