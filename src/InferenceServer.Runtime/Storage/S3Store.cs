using System.Net;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;

namespace InferenceServer.Runtime.Storage;

/// <summary>Objects below a prefix of a bucket.</summary>
/// <remarks>A conditional write whose answer was lost is tried again, and may then find the object that its own first
/// try wrote: false means that the object exists, and not that another caller wrote the object.</remarks>
internal sealed class S3Store(IAmazonS3 client, StoreLocation location, TimeSpan timeout) : IObjectStore
{
    private const string Anything = "*"; // the ETag of If-None-Match that matches every object
    private const long PartBytes = 8L << 20;
    private const int MaxParts = 10_000;
    private const int MostConflicts = 5;
    private static readonly TimeSpan ConflictDelay = TimeSpan.FromMilliseconds(50);

    private readonly string _place = location.ToString();
    private readonly string _root = location.Path.Length > 0 ? location.Path + "/" : "";

    public async IAsyncEnumerable<StoredObject> ListAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (ListObjectsV2Response page in PagesAsync(prefix, delimiter: null, cancellationToken).ConfigureAwait(false))
        {
            foreach (S3Object item in page.S3Objects ?? [])
            {
                string key = item.Key[_root.Length..];
                if (ObjectKey.IsValid(key)) // a console's "folder/" is none
                {
                    yield return Describe(key, item.Size ?? 0, item.ETag, item.LastModified);
                }
            }
        }
    }

    public async IAsyncEnumerable<string> ListFoldersAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (ListObjectsV2Response page in PagesAsync(prefix, delimiter: "/", cancellationToken).ConfigureAwait(false))
        {
            foreach (string folder in page.CommonPrefixes ?? [])
            {
                string name = folder[(_root.Length + prefix.Length)..].TrimEnd('/');
                if (ObjectKey.IsName(name))
                {
                    yield return name;
                }
            }
        }
    }

    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        ObjectKey.Check(key, _place);
        GetObjectMetadataRequest request = new() { BucketName = location.Bucket, Key = _root + key };
        GetObjectMetadataResponse? found = await FindingAsync(
            key, token => client.GetObjectMetadataAsync(request, token), cancellationToken).ConfigureAwait(false);
        if (found is null)
        {
            return null;
        }

        return Describe(key, found.ContentLength, found.ETag, found.LastModified);
    }

    public async Task<Stream?> OpenAsync(string key, CancellationToken cancellationToken)
    {
        ObjectKey.Check(key, _place);
        GetObjectRequest request = new() { BucketName = location.Bucket, Key = _root + key };
        GetObjectResponse? found = await FindingAsync(
            key, token => client.GetObjectAsync(request, token), cancellationToken).ConfigureAwait(false);
        if (found is null)
        {
            return null;
        }

        return new StoredStream(found.ResponseStream, found, timeout, $"{_place}: '{key}'");
    }

    public async Task<bool> WriteAsync(
        string key, Stream content, string contentType, WriteMode mode, CancellationToken cancellationToken)
    {
        ObjectKey.Check(key, _place);
        long start = content.Position;
        bool large = content.Length - start > PartBytes;
        if (mode == WriteMode.New && large && await FindAsync(key, cancellationToken).ConfigureAwait(false) is not null)
        {
            return false; // before gigabytes are sent in vain
        }

        for (int tries = 1; ; tries++)
        {
            content.Position = start;
            try
            {
                string? condition = mode == WriteMode.New ? Anything : null;
                if (large)
                {
                    await PutPartsAsync(key, content, contentType, condition, cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    await PutAsync(key, content, contentType, condition, cancellationToken).ConfigureAwait(false);
                }

                return true;
            }
            catch (StorageException e) when (mode == WriteMode.New && Status(e) == HttpStatusCode.PreconditionFailed)
            {
                return false;
            }
            catch (StorageException e) when (mode == WriteMode.New && Status(e) == HttpStatusCode.Conflict && tries < MostConflicts)
            {
                await Task.Delay(ConflictDelay * tries, cancellationToken).ConfigureAwait(false); // another write was in progress
            }
            catch (StorageException e) when (mode == WriteMode.New && Status(e) == HttpStatusCode.NotImplemented)
            {
                // The store does not know conditional writes.
                if (await FindAsync(key, cancellationToken).ConfigureAwait(false) is not null)
                {
                    return false;
                }

                mode = WriteMode.Replace;
            }
        }
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken)
    {
        ObjectKey.Check(key, _place);
        DeleteObjectRequest request = new() { BucketName = location.Bucket, Key = _root + key };
        return FindingAsync(key, token => client.DeleteObjectAsync(request, token), cancellationToken);
    }

    private async IAsyncEnumerable<ListObjectsV2Response> PagesAsync(
        string prefix, string? delimiter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ObjectKey.CheckPrefix(prefix, _place);
        ListObjectsV2Request request = new() { BucketName = location.Bucket, Prefix = _root + prefix, Delimiter = delimiter };
        do
        {
            ListObjectsV2Response page = await CallAsync(prefix, token => ListAsync(request, token), cancellationToken)
                .ConfigureAwait(false);
            yield return page;
            request.ContinuationToken = page.NextContinuationToken;
        }
        while (request.ContinuationToken is not null);
    }

    // A web server that answers everything with a page must not look like an empty bucket.
    private async Task<ListObjectsV2Response> ListAsync(ListObjectsV2Request request, CancellationToken cancellationToken)
    {
        ListObjectsV2Response page = await client.ListObjectsV2Async(request, cancellationToken).ConfigureAwait(false);
        if (string.IsNullOrEmpty(page.Name))
        {
            throw new InvalidDataException("Expected a list with the bucket's name, got none.");
        }

        return page;
    }

    private Task<PutObjectResponse> PutAsync(
        string key, Stream content, string contentType, string? condition, CancellationToken cancellationToken)
    {
        PutObjectRequest request = new()
        {
            BucketName = location.Bucket,
            Key = _root + key,
            InputStream = content,
            ContentType = contentType,
            IfNoneMatch = condition,
            AutoCloseStream = false,
            AutoResetStreamPosition = false,
            UseChunkEncoding = false, // many stores cannot read signed chunks
        };
        return CallAsync(key, token => client.PutObjectAsync(request, token), cancellationToken);
    }

    private async Task PutPartsAsync(
        string key, Stream content, string contentType, string? condition, CancellationToken cancellationToken)
    {
        InitiateMultipartUploadRequest begin = new() { BucketName = location.Bucket, Key = _root + key, ContentType = contentType };
        InitiateMultipartUploadResponse upload = await CallAsync(
            key, token => client.InitiateMultipartUploadAsync(begin, token), cancellationToken).ConfigureAwait(false);
        try
        {
            List<PartETag> parts = await UploadAsync(key, content, upload.UploadId, cancellationToken).ConfigureAwait(false);
            CompleteMultipartUploadRequest complete = new()
            {
                BucketName = location.Bucket,
                Key = _root + key,
                UploadId = upload.UploadId,
                PartETags = parts,
                IfNoneMatch = condition,
            };
            await CallAsync(key, token => client.CompleteMultipartUploadAsync(complete, token), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is StorageException or IOException or OperationCanceledException)
        {
            await AbortAsync(key, upload.UploadId).ConfigureAwait(false);
            throw;
        }
    }

    private async Task<List<PartETag>> UploadAsync(
        string key, Stream content, string uploadId, CancellationToken cancellationToken)
    {
        long partBytes = Math.Max(PartBytes, ((content.Length - content.Position) / MaxParts) + 1);
        List<PartETag> parts = [];
        while (content.Position < content.Length)
        {
            UploadPartRequest part = new()
            {
                BucketName = location.Bucket,
                Key = _root + key,
                UploadId = uploadId,
                PartNumber = parts.Count + 1,
                PartSize = Math.Min(partBytes, content.Length - content.Position),
                InputStream = content,
                UseChunkEncoding = false,
            };
            long end = content.Position + part.PartSize.Value;
            UploadPartResponse sent = await CallAsync(
                key, token => client.UploadPartAsync(part, token), cancellationToken).ConfigureAwait(false);
            parts.Add(new PartETag(part.PartNumber.Value, sent.ETag));
            content.Position = end;
        }

        return parts;
    }

    // Parts that stay behind cost money and are in no list.
    private async Task AbortAsync(string key, string uploadId)
    {
        AbortMultipartUploadRequest request = new() { BucketName = location.Bucket, Key = _root + key, UploadId = uploadId };
        try
        {
            await CallAsync(key, token => client.AbortMultipartUploadAsync(request, token), CancellationToken.None).ConfigureAwait(false);
        }
        catch (StorageException)
        {
            // The failure of the upload itself is reported; a lifecycle rule of the bucket removes the parts.
        }
    }

    private async Task<T?> FindingAsync<T>(
        string key, Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await CallAsync(key, request, cancellationToken).ConfigureAwait(false);
        }
        catch (StorageException e) when (Status(e) == HttpStatusCode.NotFound && !S3Failure.IsNoBucket(e.InnerException))
        {
            return null;
        }
    }

    private async Task<T> CallAsync<T>(
        string key, Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        Task<T>? call = null;
        try
        {
            call = request(limit.Token);
            // The client's search for credentials does not always end with the token.
            return await call.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not StorageException && !cancellationToken.IsCancellationRequested)
        {
            string place = key.Length > 0 ? $"{_place}: '{ObjectKey.Printable(key)}'" : _place;
            throw S3Failure.Explain(e, place, client.Config.ServiceURL, timeout);
        }
        finally
        {
            if (call is { IsCompleted: false })
            {
                _ = call.ContinueWith(
                    late => (late.Result as IDisposable)?.Dispose(), CancellationToken.None,
                    TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            }
        }
    }

    private static HttpStatusCode? Status(StorageException e) => (e.InnerException as AmazonS3Exception)?.StatusCode;

    private static StoredObject Describe(string key, long length, string? etag, DateTime? modified) =>
        new(key, length, etag?.Trim('"') ?? "", new DateTimeOffset(modified?.ToUniversalTime() ?? DateTime.UnixEpoch, TimeSpan.Zero));
}
