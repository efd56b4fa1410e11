using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Pulling;

/// <summary>Pulled models in a folder that several servers may share.</summary>
/// <remarks><para><c>blobs/SHA256</c> is the bytes of a file. <c>names/HASH</c> says which blob has the bytes of a
/// version of a file, so that nothing is downloaded twice. <c>models/ID/NAME</c> is a whole model, whose files are hard
/// links to blobs, or copies where the volume has no links: ONNX Runtime refuses weights that a link leads to outside of
/// the graph's folder. <c>places/HASH.json</c> is what a place had.</para>
/// <para>Blobs and models appear by renaming and never change.</para></remarks>
internal sealed class ModelCache(string root, TimeProvider time)
{
    /// <summary>How long unused files are kept.</summary>
    public static readonly TimeSpan Unused = TimeSpan.FromDays(7);

    private const int BufferSize = 1 << 20;
    private const UnixFileMode OwnFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int MostTries = 10;
    private const string FileList = "files.json";
    private static readonly EnumerationOptions All = new() { AttributesToSkip = 0 };
    private static readonly JsonSerializerOptions Strict = new()
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };
    private static readonly TimeSpan LockDelay = TimeSpan.FromMilliseconds(100);

    // What this process wrote or checked; what another process wrote is checked once.
    private readonly HashSet<string> _checked = [];
    private readonly Lock _lock = new();

    /// <summary>The full path.</summary>
    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>Counts files and bytes that were downloaded or were there.</summary>
    public PullCount Count { get; } = new();

    /// <summary>The blob with the bytes of a file: an old blob, or a download.</summary>
    /// <exception cref="StorageException">The file cannot be downloaded, changed meanwhile, or is damaged.</exception>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    public async Task<CachedFile> AddAsync(
        IRemoteModels remote, RemoteListing listing, RemoteFile file, CancellationToken cancellationToken)
    {
        string name = InFolder("names", Identity(remote, file));
        using FileStream turn = await LockAsync(name, cancellationToken).ConfigureAwait(false);
        if (await FindAsync(name, file, cancellationToken).ConfigureAwait(false) is { } present)
        {
            Count.Found(file.Length);
            return present;
        }

        string part = InFolder("downloads", ObjectKey.TemporaryName());
        try
        {
            string hash = await DownloadAsync(remote, listing, file, part, cancellationToken).ConfigureAwait(false);
            File.Move(part, InFolder("blobs", hash), overwrite: true);
            Remember(hash);
            await File.WriteAllTextAsync(part, hash, CancellationToken.None).ConfigureAwait(false);
            File.Move(part, name, overwrite: true);
            Count.Downloaded(file.Length);
            return new CachedFile(file.Path, file.Length, hash);
        }
        finally
        {
            File.Delete(part);
        }
    }

    /// <summary>Where a model's folder is, or would be.</summary>
    public string FolderOf(CachedModel model) => Path.Combine(Root, "models", model.Id, model.Name);

    /// <summary>Makes the folder of a model, whole and checked.</summary>
    /// <exception cref="DamagedFileException">A file is missing or damaged; it was removed, so that the next pull
    /// downloads the file again.</exception>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    public void Build(CachedModel model)
    {
        string id = model.Id;
        string home = InFolder("models", id);
        string folder = Path.Combine(home, model.Name);
        if (Directory.Exists(folder))
        {
            if (IsChecked(id) || model.Files.All(file => IsWhole(Path.Combine(folder, file.Path), file)))
            {
                Remember(id);
                Directory.SetLastWriteTimeUtc(home, time.GetUtcNow().UtcDateTime);
                return;
            }

            Directory.Delete(home, recursive: true);
        }

        CachedFile? damaged = model.Files.FirstOrDefault(
            file => !IsChecked(file.Sha256) && !IsWhole(InFolder("blobs", file.Sha256), file));
        if (damaged is not null)
        {
            File.Delete(InFolder("blobs", damaged.Sha256));
            throw new DamagedFileException(
                $"{Root}: '{model.Name}/{damaged.Path}' is missing or damaged in the cache (Models:Cache); it is pulled again. " +
                "Check the disk.");
        }

        string building = InFolder("models", ObjectKey.TemporaryName());
        Write(model, Path.Combine(building, model.Name));
        File.WriteAllText(Path.Combine(building, FileList), JsonSerializer.Serialize(model));
        try
        {
            Directory.Move(building, home);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            Directory.Delete(building, recursive: true); // another server was faster
        }

        Remember(id);
    }

    /// <summary>Writes the files of a checked model into a new folder.</summary>
    public void Write(CachedModel model, string folder)
    {
        foreach (CachedFile file in model.Files)
        {
            string target = Path.Combine(folder, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            if (!HardLink.TryCreate(InFolder("blobs", file.Sha256), target))
            {
                File.Copy(InFolder("blobs", file.Sha256), target, overwrite: true);
            }
        }
    }

    /// <summary>What a place had; null where it was never seen.</summary>
    public CacheIndex? ReadIndex(IRemoteModels remote)
    {
        try
        {
            return JsonSerializer.Deserialize<CacheIndex>(File.ReadAllText(IndexFile(remote)), Strict);
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return null; // the place is pulled as for the first time
        }
    }

    /// <summary>Keeps what a place has.</summary>
    public void WriteIndex(IRemoteModels remote, CacheIndex index)
    {
        string part = InFolder("downloads", ObjectKey.TemporaryName());
        File.WriteAllText(part, JsonSerializer.Serialize(index));
        File.Move(part, IndexFile(remote), overwrite: true);
    }

    /// <summary>Marks models as used, and removes what no server has used for <see cref="Unused"/>.</summary>
    public void Clean(IEnumerable<CachedModel> used)
    {
        DateTime now = time.GetUtcNow().UtcDateTime;
        foreach (string home in used.Select(model => InFolder("models", model.Id)).Where(Directory.Exists))
        {
            Directory.SetLastWriteTimeUtc(home, now);
        }

        HashSet<string> needed = [];
        foreach (DirectoryInfo home in new DirectoryInfo(InFolder("models")).EnumerateDirectories("*", All))
        {
            if (now - home.LastWriteTimeUtc > Unused)
            {
                home.Delete(recursive: true);
            }
            else
            {
                needed.UnionWith(Blobs(home));
            }
        }

        foreach (string folder in (string[])["blobs", "names", "downloads"])
        {
            foreach (FileInfo file in new DirectoryInfo(InFolder(folder)).EnumerateFiles("*", All))
            {
                if (now - file.LastWriteTimeUtc > Unused && !needed.Contains(folder == "names" ? Text(file) : file.Name))
                {
                    file.Delete();
                }
            }
        }
    }

    private static IEnumerable<string> Blobs(DirectoryInfo home)
    {
        try
        {
            CachedModel? model = JsonSerializer.Deserialize<CachedModel>(File.ReadAllText(Path.Combine(home.FullName, FileList)), Strict);
            return model?.Files.Select(file => file.Sha256) ?? [];
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return []; // still being built
        }
    }

    private static string Text(FileInfo file)
    {
        try
        {
            return File.ReadAllText(file.FullName);
        }
        catch (IOException)
        {
            return "";
        }
    }

    // Equal hashes are equal bytes wherever they come from; other versions mean something at their place alone.
    private static string Identity(IRemoteModels remote, RemoteFile file)
    {
        string bytes = string.Create(CultureInfo.InvariantCulture, $"{file.Hash} {file.Version} {file.Length}");
        if (file.Hash == HashKind.None)
        {
            return CachedModel.Hash(bytes, remote.Address, remote.Place.Text, file.Path);
        }

        return CachedModel.Hash(bytes);
    }

    private async Task<CachedFile?> FindAsync(string name, RemoteFile file, CancellationToken cancellationToken)
    {
        if (!File.Exists(name))
        {
            return null;
        }

        string hash = await File.ReadAllTextAsync(name, cancellationToken).ConfigureAwait(false);
        FileInfo blob = new(InFolder("blobs", hash));
        if (hash.Length > 0 && blob.Exists && blob.Length == file.Length)
        {
            return new CachedFile(file.Path, file.Length, hash);
        }

        return null;
    }

    private static async Task<string> DownloadAsync(
        IRemoteModels remote, RemoteListing listing, RemoteFile file, string part, CancellationToken cancellationToken)
    {
        string place = $"{remote.Place.Text}: '{file.Path}'";
        (string sha256, string own) = await CopyAsync(remote, listing, file, part, place, cancellationToken).ConfigureAwait(false);
        bool isHash = file.Hash != HashKind.None;
        if (isHash && own != file.Version && file.Hash == HashKind.Md5)
        {
            // The ETag of an encrypted object looks like an MD5 and is none; then a second download has the same bytes.
            (string again, _) = await CopyAsync(remote, listing, file, part, place, cancellationToken).ConfigureAwait(false);
            isHash = again != sha256;
        }

        if (isHash && own != file.Version)
        {
            throw new StorageException(
                $"{place} arrived damaged: expected the hash {file.Version}, got {own}; check the store and the network.",
                isTransient: true);
        }

        if (own != file.Version && !await remote.IsCurrentAsync(file, cancellationToken).ConfigureAwait(false))
        {
            throw new StorageException($"{place} changed while it was pulled; it is pulled again.", isTransient: true);
        }

        return sha256;
    }

    private static async Task<(string Sha256, string Own)> CopyAsync(
        IRemoteModels remote, RemoteListing listing, RemoteFile file, string part, string place, CancellationToken cancellationToken)
    {
        Stream? opened = await remote.OpenAsync(listing, file, cancellationToken).ConfigureAwait(false);
        using Stream source = opened ?? throw new StorageException($"{place} is gone.", isTransient: true);
        using IncrementalHash sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using IncrementalHash? own = file.Hash switch
        {
            HashKind.Md5 => IncrementalHash.CreateHash(HashAlgorithmName.MD5),
            HashKind.Git => IncrementalHash.CreateHash(HashAlgorithmName.SHA1),
            _ => null,
        };
        if (file.Hash == HashKind.Git)
        {
            own!.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Length}\0")));
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            using FileStream target = new(part, FileMode.Create, FileAccess.Write, FileShare.None, 0, FileOptions.Asynchronous);
            long length = 0;
            for (int read; (read = await source.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0; length += read)
            {
                sha256.AppendData(buffer, 0, read);
                own?.AppendData(buffer, 0, read);
                await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            }

            target.Flush(flushToDisk: true);
            if (length != file.Length)
            {
                throw new StorageException($"{place}: expected {file.Length} bytes, got {length}; it is pulled again.", isTransient: true);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        string hash = Convert.ToHexStringLower(sha256.GetHashAndReset());
        return (hash, file.Hash switch
        {
            HashKind.None => "",
            HashKind.Sha256 => hash,
            _ => Convert.ToHexStringLower(own!.GetHashAndReset()),
        });
    }

    private static bool IsWhole(string path, CachedFile file)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            return stream.Length == file.Length && Convert.ToHexStringLower(SHA256.HashData(stream)) == file.Sha256;
        }
        catch (IOException)
        {
            return false;
        }
    }

    // One download at a time of each file, also between servers. Where the volume has no locks, both download.
    private async Task<FileStream> LockAsync(string name, CancellationToken cancellationToken)
    {
        string path = InFolder("locks", Path.GetFileName(name));
        for (int tries = 1; ; tries++)
        {
            try
            {
                return new FileStream(
                    path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            }
            catch (IOException) when (tries < MostTries || File.Exists(path))
            {
                // The file may be gone by now, because its owner is done.
                await Task.Delay(LockDelay, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private string IndexFile(IRemoteModels remote) =>
        InFolder("places", CachedModel.Hash(remote.Address, remote.Place.Text) + ".json");

    private string InFolder(string folder, string name) => Path.Combine(InFolder(folder), name);

    private string InFolder(string folder)
    {
        string path = Path.Combine(Root, folder);
        CreateFolder(path);
        return path;
    }

    private static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, OwnFolder);
        }
    }

    private bool IsChecked(string name)
    {
        lock (_lock)
        {
            return _checked.Contains(name);
        }
    }

    private void Remember(string name)
    {
        lock (_lock)
        {
            _checked.Add(name);
        }
    }
}

/// <summary>Files and bytes of pulls.</summary>
internal sealed class PullCount
{
    private long _files;
    private long _bytes;
    private long _presentFiles;
    private long _presentBytes;

    /// <summary>Downloaded files and bytes.</summary>
    public (long Files, long Bytes) New => (Volatile.Read(ref _files), Volatile.Read(ref _bytes));

    /// <summary>Files and bytes that were there.</summary>
    public (long Files, long Bytes) Present => (Volatile.Read(ref _presentFiles), Volatile.Read(ref _presentBytes));

    /// <summary>Counts a download.</summary>
    public void Downloaded(long bytes)
    {
        Interlocked.Increment(ref _files);
        Interlocked.Add(ref _bytes, bytes);
    }

    /// <summary>Counts a file that was there.</summary>
    public void Found(long bytes)
    {
        Interlocked.Increment(ref _presentFiles);
        Interlocked.Add(ref _presentBytes, bytes);
    }
}

/// <summary>A file of the cache is missing or damaged.</summary>
internal sealed class DamagedFileException(string message) : IOException(message);
