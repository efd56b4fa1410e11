using System.Globalization;
using System.Runtime.CompilerServices;

namespace InferenceServer.Runtime.Storage;

/// <summary>Objects as files below a folder.</summary>
/// <param name="root">The folder.</param>
/// <param name="isPrivate">Whether files and folders that the store makes can be read by their owner alone; otherwise by
/// whom the process's file mask allows.</param>
/// <remarks>Links to files within the folder are followed. Linked folders are not listed, because they may lead back to
/// their parent; links that leave the folder, pipes, sockets and devices are neither listed nor opened.</remarks>
internal sealed class FolderStore(string root, bool isPrivate = true) : IObjectStore
{
    private const int BufferSize = 1 << 16;
    private const int MostTries = 10;
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnFolder = OwnFile | UnixFileMode.UserExecute;

    private static readonly EnumerationOptions Children = new() { AttributesToSkip = 0, IgnoreInaccessible = false };

    private readonly string _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));

    public async IAsyncEnumerable<StoredObject> ListAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string folder = Folder(prefix);
        Stack<Queue<Entry>> levels = new();
        levels.Push(await EntriesAsync(folder, prefix, cancellationToken).ConfigureAwait(false));
        while (levels.TryPeek(out Queue<Entry>? level))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!level.TryDequeue(out Entry? entry))
            {
                levels.Pop();
            }
            else if (entry.Info is DirectoryInfo)
            {
                levels.Push(await EntriesAsync(entry.Info.FullName, entry.Key, cancellationToken).ConfigureAwait(false));
            }
            else if (Describe(entry.Key, entry.Info.FullName) is { } file)
            {
                yield return file;
            }
        }
    }

    public async IAsyncEnumerable<string> ListFoldersAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (Entry entry in await EntriesAsync(Folder(prefix), prefix, cancellationToken).ConfigureAwait(false))
        {
            if (entry.Info is DirectoryInfo)
            {
                yield return entry.Info.Name;
            }
        }
    }

    public Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(key, () => Describe(key, Inside(key)), cancellationToken);

    public Task<Stream?> OpenAsync(string key, CancellationToken cancellationToken) => RunAsync(
        key,
        () =>
        {
            string path = Inside(key);
            if (!File.Exists(path) || RegularFile.Obstacle(path) is not null)
            {
                return null;
            }

            try
            {
                return (Stream?)new FileStream(
                    path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, BufferSize,
                    FileOptions.Asynchronous | FileOptions.SequentialScan);
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                return null; // deleted between the two calls
            }
        },
        cancellationToken);

    public async Task<bool> WriteAsync(
        string key, Stream content, string contentType, WriteMode mode, CancellationToken cancellationToken)
    {
        string path = await RunAsync(key, () => Inside(key), cancellationToken).ConfigureAwait(false);
        if (mode == WriteMode.New && File.Exists(path))
        {
            return false;
        }

        string folder = Path.GetDirectoryName(path)!;
        string temporary = Path.Combine(folder, ObjectKey.TemporaryName());
        bool isDone = false;
        try
        {
            FileStream file = await RunAsync(key, () => Create(temporary), cancellationToken).ConfigureAwait(false);
            await using (file.ConfigureAwait(false))
            {
                await content.CopyToAsync(file, cancellationToken).ConfigureAwait(false);
                // A file that is renamed before its bytes are on the disk may be empty after a power failure.
                file.Flush(flushToDisk: true);
            }

            bool isWritten = await RunAsync(key, () => Publish(temporary, path, mode), cancellationToken).ConfigureAwait(false);
            isDone = true;
            return isWritten;
        }
        catch (Exception e) when (e is IOException and not StorageException or UnauthorizedAccessException)
        {
            throw Failure(key, e);
        }
        finally
        {
            TryDelete(temporary);
            if (!isDone)
            {
                DeleteEmptyFolders(folder);
            }
        }
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken) => RunAsync(
        key,
        () =>
        {
            string path = Inside(key);
            if (File.Exists(path))
            {
                File.Delete(path);
                DeleteEmptyFolders(Path.GetDirectoryName(path)!);
            }

            return true;
        },
        cancellationToken);

    // A folder goes with its last object, as in S3.
    private void DeleteEmptyFolders(string folder)
    {
        try
        {
            while (folder.Length > _root.Length)
            {
                Directory.Delete(folder);
                folder = Path.GetDirectoryName(folder)!;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The folder has other files, or is gone.
        }
    }

    private static bool Publish(string temporary, string path, WriteMode mode)
    {
        // On Unix, File.Move looks for the file and then renames: of two writers both may win. A volume without hard
        // links leaves no better way.
        if (mode == WriteMode.New && HardLink.TryCreate(temporary, path))
        {
            return true;
        }

        try
        {
            File.Move(temporary, path, overwrite: mode == WriteMode.Replace);
            return true;
        }
        catch (IOException) when (mode == WriteMode.New && File.Exists(path))
        {
            return false;
        }
    }

    private FileStream Create(string path)
    {
        FileStreamOptions options = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            BufferSize = BufferSize,
            Options = FileOptions.Asynchronous,
        };
        if (isPrivate && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnFile;
        }

        for (int tries = 1; ; tries++)
        {
            try
            {
                CreateFolder(Path.GetDirectoryName(path)!);
                return new FileStream(path, options);
            }
            catch (IOException) when (tries < MostTries)
            {
                // Another caller deleted the last object of the folder, and the folder with it.
            }
        }
    }

    private void CreateFolder(string path)
    {
        if (!isPrivate || OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else if (!Directory.Exists(path))
        {
            CreateFolder(Path.GetDirectoryName(path)!); // .NET gives the mode to the last folder alone
            Directory.CreateDirectory(path, OwnFolder);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The name of the file keeps it out of all lists.
        }
    }

    private Task<Queue<Entry>> EntriesAsync(string folder, string prefix, CancellationToken cancellationToken) =>
        RunAsync(prefix, () => Entries(folder, prefix), cancellationToken);

    // A folder's objects have its name and a slash in their keys: "a-b" comes before "a/b", and "a0" after it.
    private static Queue<Entry> Entries(string folder, string prefix)
    {
        try
        {
            return new Queue<Entry>(
                new DirectoryInfo(folder).EnumerateFileSystemInfos("*", Children)
                    .Where(info => ObjectKey.IsName(info.Name) && (info is FileInfo || info.LinkTarget is null))
                    .Select(info => new Entry(info is DirectoryInfo ? $"{prefix}{info.Name}/" : prefix + info.Name, info))
                    .OrderBy(entry => entry.Key, StringComparer.Ordinal));
        }
        catch (DirectoryNotFoundException)
        {
            return new Queue<Entry>();
        }
    }

    private StoredObject? Describe(string key, string path)
    {
        FileInfo file = new(RealPath.Of(path));
        if (!file.Exists || !IsInside(file.FullName) || RegularFile.Obstacle(file.FullName) is not null)
        {
            return null;
        }

        DateTime modified = file.LastWriteTimeUtc;
        string version = string.Create(CultureInfo.InvariantCulture, $"{modified.Ticks:x}-{file.Length:x}");
        return new StoredObject(key, file.Length, version, new DateTimeOffset(modified, TimeSpan.Zero));
    }

    private string Folder(string prefix)
    {
        ObjectKey.CheckPrefix(prefix, _root);
        if (prefix.Length == 0)
        {
            return _root;
        }

        return Inside(prefix[..^1]);
    }

    // The path of a key; a link must not lead out of the folder.
    private string Inside(string key)
    {
        ObjectKey.Check(key, _root);
        string path = Path.Combine(_root, key.Replace('/', Path.DirectorySeparatorChar));
        if (IsInside(RealPath.Of(path)))
        {
            return path;
        }

        throw new StorageException(
            $"{_root}: expected a file in this folder, but a link leads '{key}' out of it; copy the file into the folder.",
            isTransient: false);
    }

    private bool IsInside(string realPath)
    {
        string real = RealPath.Of(_root);
        return realPath.StartsWith(
            Path.EndsInDirectorySeparator(real) ? real : real + Path.DirectorySeparatorChar, StringComparison.Ordinal);
    }

    // A folder may be on a network: no thread of the caller waits for the volume.
    private async Task<T> RunAsync<T>(string key, Func<T> call, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.Run(call, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException and not StorageException or UnauthorizedAccessException)
        {
            throw Failure(key, e);
        }
    }

    private StorageException Failure(string key, Exception e)
    {
        string file = $"{_root}: '{ObjectKey.Printable(key)}'";
        if (e is UnauthorizedAccessException)
        {
            return new StorageException(
                $"{file} cannot be read or written: the folder's permissions refuse the server's user; change them. {e.Message}",
                isTransient: false, e);
        }

        return new StorageException(
            $"{file} cannot be read or written; check the volume and its free space. {e.Message}", isTransient: true, e);
    }

    private sealed record Entry(string Key, FileSystemInfo Info);
}
