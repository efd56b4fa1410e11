using System.Runtime.InteropServices;
using System.Text;

namespace InferenceServer.Runtime.Storage;

/// <summary>A second name of a file. Unlike a symbolic link, the name does not lead anywhere else.</summary>
internal static class HardLink
{
    /// <summary>Gives a file a second name, in one step.</summary>
    /// <returns>False where the name exists, or the volume has no hard links.</returns>
    public static bool TryCreate(string file, string name)
    {
        if (OperatingSystem.IsWindows())
        {
            return CreateHardLink(name, file, 0);
        }

        return Link(Encoding.UTF8.GetBytes(file + '\0'), Encoding.UTF8.GetBytes(name + '\0')) == 0;
    }

    [DllImport("libc", EntryPoint = "link")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Link(byte[] file, byte[] name);

    [DllImport("kernel32", EntryPoint = "CreateHardLinkW", CharSet = CharSet.Unicode)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static extern bool CreateHardLink(string name, string file, nint attributes);
}
