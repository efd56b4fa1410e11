namespace InferenceServer.Hosting;

/// <summary>Creates files that no other user of the machine can read, for uploads and masks.</summary>
/// <remarks>On Linux and macOS, the files' mode forbids reading. On Windows, the files inherit the access list of
/// their folder, and the temporary folder belongs to one user.</remarks>
internal static class PrivateFiles
{
    private const int BufferSize = 64 * 1024;
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Creates a temporary file that disappears with its stream, even if the process is killed.</summary>
    public static FileStream CreateTemporary()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        if (OperatingSystem.IsWindows())
        {
            return Create(path, FileOptions.Asynchronous | FileOptions.DeleteOnClose);
        }

        FileStream file = Create(path, FileOptions.Asynchronous);
        File.Delete(path); // deletes the name; the file disappears with the last handle
        return file;
    }

    private static FileStream Create(string path, FileOptions options)
    {
        FileStreamOptions all = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            BufferSize = BufferSize,
            Options = options,
        };
        if (!OperatingSystem.IsWindows())
        {
            all.UnixCreateMode = OwnFile;
        }

        return new FileStream(path, all);
    }
}
