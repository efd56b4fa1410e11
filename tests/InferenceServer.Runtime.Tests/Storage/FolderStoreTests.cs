using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Tests.Storage;

public sealed class FolderStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("folder-").FullName;
    private readonly string _outside = Directory.CreateTempSubdirectory("outside-").FullName;

    [Fact]
    public async Task Root_ThatDoesNotExist_ListsNothing()
    {
        FolderStore store = new(Path.Combine(_folder, "missing"));

        Assert.Empty(await store.ListAsync("", default).ToListAsync());
        Assert.Empty(await store.ListFoldersAsync("", default).ToListAsync());
        Assert.Null(await store.FindAsync("a", default));
    }

    [Fact]
    public async Task Link_OutOfTheFolder_IsNeitherListedNorOpened()
    {
        File.WriteAllText(Path.Combine(_outside, "secret"), "secret");
        File.CreateSymbolicLink(Path.Combine(_folder, "file"), Path.Combine(_outside, "secret"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "folder"), _outside);
        Directory.CreateSymbolicLink(Path.Combine(_folder, "loop"), _folder);
        FolderStore store = new(_folder);

        Assert.Empty(await store.ListAsync("", default).ToListAsync());
        foreach (string key in (string[])["file", "folder/secret", "folder/new"])
        {
            await RefusedAsync(() => store.OpenAsync(key, default));
            await RefusedAsync(() => store.FindAsync(key, default));
            await RefusedAsync(() => store.DeleteAsync(key, default));
            await RefusedAsync(() => store.WriteAsync(key, new MemoryStream(), "text/plain", WriteMode.Replace, default));
        }

        await RefusedAsync(() => store.ListAsync("folder/", default).ToListAsync().AsTask());
        Assert.Equal(["secret"], Directory.GetFiles(_outside).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Link_WithinTheFolder_IsFollowed()
    {
        File.WriteAllText(Path.Combine(_folder, "real"), "hello");
        File.CreateSymbolicLink(Path.Combine(_folder, "link"), "real");
        string root = Path.Combine(_outside, "root");
        Directory.CreateSymbolicLink(root, _folder); // the folder itself may be a link
        FolderStore store = new(root);

        Assert.Equal([("link", 5), ("real", 5)], (await store.ListAsync("", default).ToListAsync()).Select(o => (o.Key, (int)o.Length)));
    }

    [Fact]
    public async Task File_BeingWritten_IsNotListed()
    {
        FolderStore store = new(_folder);
        BlockedStream content = new();
        Task<bool> writing = store.WriteAsync("a/b", content, "text/plain", WriteMode.Replace, default);
        await content.Reading;

        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "a")));
        Assert.Empty(await store.ListAsync("", default).ToListAsync());
        Assert.Null(await store.FindAsync("a/b", default));
        string temporary = Path.GetFileName(Directory.GetFiles(Path.Combine(_folder, "a"))[0]);
        await RefusedAsync(() => store.OpenAsync("a/" + temporary, default));

        content.Release();
        Assert.True(await writing);
        Assert.Equal("a/b", (await store.ListAsync("", default).SingleAsync()).Key);
    }

    [Fact]
    public async Task File_AndFolders_AreTheOwnersAlone()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        await new FolderStore(_folder).WriteAsync("a/b", new MemoryStream(), "text/plain", WriteMode.New, default);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, "a/b")));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(_folder, "a")));
    }

    [Fact]
    public async Task Key_BelowAFile_IsAFailureThatNamesIt()
    {
        FolderStore store = new(_folder);
        await store.WriteAsync("a", new MemoryStream(), "text/plain", WriteMode.New, default);

        StorageException failure = await Assert.ThrowsAsync<StorageException>(
            () => store.WriteAsync("a/b", new MemoryStream(), "text/plain", WriteMode.New, default));

        Assert.Contains("a/b", failure.Message, StringComparison.Ordinal);
    }

    // Folders that vanish with their last object must not break a writer.
    [Fact]
    public async Task Write_WhileOthersDelete_Succeeds()
    {
        FolderStore store = new(_folder);

        await Parallel.ForEachAsync(Enumerable.Range(0, 300), async (i, _) =>
        {
            await store.WriteAsync($"a/b/{i}", new MemoryStream([1]), "text/plain", WriteMode.New, default);
            Assert.NotNull(await store.FindAsync($"a/b/{i}", default));
            await store.DeleteAsync($"a/b/{i}", default);
        });

        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_outside, recursive: true);
    }

    private static async Task RefusedAsync(Func<Task> call) =>
        Assert.False((await Assert.ThrowsAsync<StorageException>(call)).IsTransient);

    private sealed class BlockedStream : MemoryStream
    {
        private readonly TaskCompletionSource _reading = new();
        private readonly TaskCompletionSource _released = new();

        public Task Reading => _reading.Task;

        public void Release() => _released.SetResult();

        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            _reading.SetResult();
            await _released.Task;
        }
    }
}
