using InferenceServer.Runtime.Storage;

namespace InferenceServer.Hosting;

/// <summary>Creates files that no other user of the machine can read, for uploads and masks.</summary>
/// <remarks>On Linux and macOS, the files' mode forbids reading. On Windows, the files inherit the access list of
/// their folder, and the temporary folder belongs to one user.</remarks>
internal static class PrivateFiles
{
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Creates a temporary file that disappears with its stream, even if the process is killed.</summary>
    public static FileStream CreateTemporary() => CreateTemporary(Path.GetTempPath());

    /// <summary>The same, in another folder than that of temporary files.</summary>
    public static FileStream CreateTemporary(string folder)
    {
        string path = Path.Combine(folder, Path.GetRandomFileName());
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
            BufferSize = 0, // a full volume fails the write, and not the disposal, which would hide the reason
            Options = options,
        };
        if (!OperatingSystem.IsWindows())
        {
            all.UnixCreateMode = OwnFile;
        }

        return new FileStream(path, all);
    }
}

/// <summary>Watches the folder of temporary files, and the file handles of the process.</summary>
/// <remarks>A full folder refuses uploads alone: a client that fills the folder must not make the server unready for
/// others.</remarks>
internal sealed class TemporaryFolder(TimeProvider time, ILogger<TemporaryFolder> logger) : BackgroundService
{
    private const int ProcessHandles = 24, SystemHandles = 23; // EMFILE and ENFILE
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10), Repetition = TimeSpan.FromMinutes(1);
    private long? _saidNoHandles;
    private volatile string? _problem;

    /// <summary>Why no temporary file can be made; null where one can, or where the folder is full.</summary>
    public string? Problem => _problem;

    /// <summary>The folder.</summary>
    public string Folder { get; init; } = Path.GetTempPath();

    /// <summary>Tries to make a file.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="handles">Why there was no handle for the file; null where there was.</param>
    /// <returns>Why no file can be made; null where one can, or where the folder is full.</returns>
    public static string? Try(string folder, out string? handles)
    {
        handles = null;
        try
        {
            PrivateFiles.CreateTemporary(folder).Dispose();
            return null;
        }
        catch (IOException e) when (e.HResult is ProcessHandles or SystemHandles && !OperatingSystem.IsWindows())
        {
            handles = e.Message;
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (FullVolume.IsReasonOf(e))
            {
                return null;
            }

            return $"TMPDIR: expected a folder that the server may write, got '{folder}'. "
                + "Set TMPDIR to another folder, or mount one there (docker run --tmpfs /tmp). " + e.Message;
        }
    }

    /// <summary>Looks now.</summary>
    public void Look()
    {
        string? problem = Try(Folder, out string? handles);
        if (handles is not null && !(_saidNoHandles is { } said && time.GetElapsedTime(said) < Repetition))
        {
            _saidNoHandles = time.GetTimestamp();
            Log.NoHandles(logger, handles);
        }

        if (problem is not null && _problem is null)
        {
            Log.NoTemporaryFolder(logger, problem);
        }
        else if (problem is null && _problem is not null)
        {
            Log.TemporaryFolderBack(logger);
        }

        _problem = problem;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Look();
        }
    }
}
