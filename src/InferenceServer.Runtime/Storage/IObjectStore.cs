using System.Net;
using Amazon.S3;

namespace InferenceServer.Runtime.Storage;

/// <summary>Objects below one place: a prefix of a bucket, or a folder. Keys are relative to the place and have
/// <c>/</c> between their parts.</summary>
/// <remarks>All methods throw <see cref="StorageException"/> where the store cannot be reached or refuses.</remarks>
internal interface IObjectStore
{
    /// <summary>The objects whose keys begin with a prefix, at any depth, in ordinal order of their keys.</summary>
    /// <param name="prefix">Ends in <c>/</c>, or is empty for all objects.</param>
    /// <param name="cancellationToken">Cancels listing.</param>
    IAsyncEnumerable<StoredObject> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>The names of the folders directly below a prefix, without <c>/</c>, in ordinal order.</summary>
    /// <param name="prefix">Ends in <c>/</c>, or is empty for the store's root.</param>
    /// <param name="cancellationToken">Cancels listing.</param>
    IAsyncEnumerable<string> ListFoldersAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Whether an object exists, and its length and version.</summary>
    /// <returns>Null where there is no such object.</returns>
    Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken);

    /// <summary>Opens an object for reading.</summary>
    /// <returns>Null where there is no such object. The caller disposes the stream.</returns>
    Task<Stream?> OpenAsync(string key, CancellationToken cancellationToken);

    /// <summary>Writes an object. Readers see the whole object or none.</summary>
    /// <param name="key">The object's key.</param>
    /// <param name="content">Read from its position to its end; seekable.</param>
    /// <param name="contentType">Media type.</param>
    /// <param name="mode">What happens where the object exists.</param>
    /// <param name="cancellationToken">Cancels writing; then there is no object, or the one before.</param>
    /// <returns>False where the object exists and <paramref name="mode"/> is <see cref="WriteMode.New"/>.</returns>
    Task<bool> WriteAsync(
        string key, Stream content, string contentType, WriteMode mode, CancellationToken cancellationToken);

    /// <summary>Deletes an object; nothing happens where there is none.</summary>
    Task DeleteAsync(string key, CancellationToken cancellationToken);
}

/// <summary>What writing does where the object exists.</summary>
internal enum WriteMode
{
    /// <summary>The object is replaced.</summary>
    Replace,

    /// <summary>The object is kept. A store that does not know conditional writes replaces it.</summary>
    New,
}

/// <summary>An object of a store.</summary>
/// <param name="Key">Relative to the store's place.</param>
/// <param name="Length">In bytes.</param>
/// <param name="ETag">Changes with the object's bytes.</param>
/// <param name="Modified">When it was written.</param>
internal sealed record StoredObject(string Key, long Length, string ETag, DateTimeOffset Modified);

/// <summary>A store cannot be reached, or refuses. The message says which place and what to do.</summary>
/// <param name="message">For operators and clients: no secrets.</param>
/// <param name="isTransient">Whether another try may succeed.</param>
/// <param name="cause">The failure of the store's client.</param>
internal sealed class StorageException(string message, bool isTransient, Exception? cause = null)
    : IOException(message, cause)
{
    /// <summary>Whether another try may succeed.</summary>
    public bool IsTransient { get; } = isTransient;
}

/// <summary>Tells failures of a full volume from others.</summary>
internal static class FullVolume
{
    private const int NoSpace = 28, QuotaUsedUp = 122, MacQuotaUsedUp = 69; // errors of Unix
    private const int DiskFull = unchecked((int)0x80070070), HandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Whether an exception or its cause means that a volume, a quota or a store has no room left.</summary>
    public static bool IsReasonOf(Exception? e) => e switch
    {
        null => false,
        AmazonS3Exception { StatusCode: HttpStatusCode.InsufficientStorage } => true,
        IOException when Is(e.HResult) => true,
        _ => IsReasonOf(e.InnerException),
    };

    private static bool Is(int code)
    {
        if (OperatingSystem.IsWindows())
        {
            return code is DiskFull or HandleDiskFull;
        }

        return code is NoSpace or QuotaUsedUp or MacQuotaUsedUp;
    }
}
