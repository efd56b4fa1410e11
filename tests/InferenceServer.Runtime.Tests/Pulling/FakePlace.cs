using System.Security.Cryptography;
using System.Text;
using InferenceServer.Runtime.Pulling;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Tests.Pulling;

/// <summary>A place in memory, with the faults of real ones.</summary>
internal sealed class FakePlace(string place = "s3://models/prod") : IRemoteModels
{
    private readonly SortedDictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    public ModelPlace Place { get; } = ModelPlace.TryParse(place, out ModelPlace? parsed, out string? problem)
        ? parsed
        : throw new FormatException(problem);

    public string Address => "";

    /// <summary>Downloads, in their order.</summary>
    public List<string> Opened { get; } = [];

    public int Looks { get; private set; }

    /// <summary>Listing and opening fail with this message.</summary>
    public string? Away { get; set; }

    public string? Commit { get; set; }

    /// <summary>The kind of versions: MD5 as of small objects, or none as of large ones.</summary>
    public HashKind Hash { get; set; } = HashKind.Md5;

    /// <summary>What the store lists as the version of a file.</summary>
    public Func<string, byte[], string> VersionOf { get; set; } =
        (_, bytes) => Convert.ToHexStringLower(CryptographicOperations.HashData(HashAlgorithmName.MD5, bytes));

    /// <summary>Called before a file is opened.</summary>
    public Action<string> Opening { get; set; } = _ => { };

    /// <summary>What arrives of a file.</summary>
    public Func<string, byte[], byte[]> Arrives { get; set; } = (_, bytes) => bytes;

    public void Put(string path, string text) => _files[path] = Encoding.UTF8.GetBytes(text);

    public void Remove(string prefix)
    {
        foreach (string path in _files.Keys.Where(path => path.StartsWith(prefix, StringComparison.Ordinal)).ToArray())
        {
            _files.Remove(path);
        }
    }

    public Task<RemoteListing> ListAsync(RemoteListing? last, CancellationToken cancellationToken)
    {
        Looks++;
        Fail();
        return Task.FromResult(new RemoteListing(
            [.. _files.Select(file => new RemoteFile(file.Key, file.Value.Length, VersionOf(file.Key, file.Value), Hash))], Commit));
    }

    public Task<Stream?> OpenAsync(RemoteListing listing, RemoteFile file, CancellationToken cancellationToken)
    {
        Fail();
        lock (Opened)
        {
            Opened.Add(file.Path);
            Opening(file.Path);
            return Task.FromResult<Stream?>(
                _files.TryGetValue(file.Path, out byte[]? bytes) ? new MemoryStream(Arrives(file.Path, bytes)) : null);
        }
    }

    public Task<bool> IsCurrentAsync(RemoteFile file, CancellationToken cancellationToken)
    {
        Fail();
        return Task.FromResult(_files.TryGetValue(file.Path, out byte[]? bytes) && VersionOf(file.Path, bytes) == file.Version);
    }

    private void Fail()
    {
        if (Away is { } reason)
        {
            throw new StorageException(reason, isTransient: true);
        }
    }
}
