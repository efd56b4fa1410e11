using System.Text.RegularExpressions;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Pulling;

/// <summary>The files of one place that models are pulled from.</summary>
internal interface IRemoteModels
{
    /// <summary>The place, for messages and as the name of its index in the cache.</summary>
    ModelPlace Place { get; }

    /// <summary>Where the place is; two stores may have buckets of one name.</summary>
    string Address { get; }

    /// <summary>The files of the place.</summary>
    /// <param name="last">The listing before; returned again where the commit is the same.</param>
    /// <param name="cancellationToken">Cancels listing.</param>
    /// <exception cref="StorageException">The place cannot be reached or refuses.</exception>
    Task<RemoteListing> ListAsync(RemoteListing? last, CancellationToken cancellationToken);

    /// <summary>Opens a file; null where it is gone.</summary>
    Task<Stream?> OpenAsync(RemoteListing listing, RemoteFile file, CancellationToken cancellationToken);

    /// <summary>Whether the file still has the version that was listed.</summary>
    Task<bool> IsCurrentAsync(RemoteFile file, CancellationToken cancellationToken);
}

/// <summary>The files of a place at one moment.</summary>
/// <param name="Files">The files.</param>
/// <param name="Commit">The commit that the files belong to: the files of a commit never change. Null where the files
/// may change one by one.</param>
internal sealed record RemoteListing(IReadOnlyList<RemoteFile> Files, string? Commit);

/// <summary>A file of a place.</summary>
/// <param name="Path">Relative to the place.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Version">Changes with the file's bytes: its ETag or hash.</param>
/// <param name="Hash">What the bytes are checked against.</param>
internal sealed record RemoteFile(string Path, long Length, string Version, HashKind Hash);

/// <summary>What the version of a file is.</summary>
internal enum HashKind
{
    /// <summary>No hash of the bytes.</summary>
    None,

    /// <summary>The MD5 of the bytes, unless the store encrypts.</summary>
    Md5,

    /// <summary>The SHA-256 of the bytes.</summary>
    Sha256,

    /// <summary>Git's SHA-1 of the length and the bytes.</summary>
    Git,
}

/// <summary>Opens places.</summary>
internal static class RemotePlace
{
    /// <summary>Opens a place; no request is sent.</summary>
    /// <exception cref="StorageException">The text is no place, or settings are missing.</exception>
    public static IRemoteModels Open(string text, ObjectStores stores)
    {
        if (!ModelPlace.TryParse(text, out ModelPlace? place, out string? problem))
        {
            throw new StorageException(problem, isTransient: false);
        }

        if (place.Bucket is null)
        {
            return new HubModels(place, HubModels.CreateClient());
        }

        return new BucketModels(stores.Open(place.Bucket), place, stores.Address);
    }
}

/// <summary>Models below a prefix of a bucket.</summary>
internal sealed partial class BucketModels(IObjectStore store, ModelPlace place, string address) : IRemoteModels
{
    private const int MostFiles = 100_000;

    public ModelPlace Place => place;

    public string Address => address;

    public async Task<RemoteListing> ListAsync(RemoteListing? last, CancellationToken cancellationToken)
    {
        List<RemoteFile> files = [];
        await foreach (StoredObject item in store.ListAsync("", cancellationToken).ConfigureAwait(false))
        {
            if (files.Count == MostFiles)
            {
                throw new StorageException(
                    $"{place.Text}: expected models, got more than {MostFiles} objects; give the models a prefix of their own.",
                    isTransient: false);
            }

            string version = Version(item);
            files.Add(new RemoteFile(item.Key, item.Length, version, Md5().IsMatch(version) ? HashKind.Md5 : HashKind.None));
        }

        return new RemoteListing(files, Commit: null);
    }

    public Task<Stream?> OpenAsync(RemoteListing listing, RemoteFile file, CancellationToken cancellationToken) =>
        store.OpenAsync(file.Path, cancellationToken);

    public async Task<bool> IsCurrentAsync(RemoteFile file, CancellationToken cancellationToken) =>
        await store.FindAsync(file.Path, cancellationToken).ConfigureAwait(false) is { } now && Version(now) == file.Version;

    // Few stores leave out the ETag.
    private static string Version(StoredObject item) => item.ETag.Length > 0 ? item.ETag : item.Modified.ToString("O");

    [GeneratedRegex(@"^[0-9a-f]{32}\z")]
    private static partial Regex Md5();
}
