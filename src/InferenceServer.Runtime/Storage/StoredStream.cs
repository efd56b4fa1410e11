namespace InferenceServer.Runtime.Storage;

/// <summary>An object while it is downloaded. A connection that stalls or breaks ends in a
/// <see cref="StorageException"/>.</summary>
/// <param name="inner">The body of the response.</param>
/// <param name="response">Disposed with the stream.</param>
/// <param name="timeout">Most time of one read.</param>
/// <param name="place">The object, for messages.</param>
internal sealed class StoredStream(Stream inner, IDisposable response, TimeSpan timeout, string place) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            return await inner.ReadAsync(buffer, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StorageException(
                $"{place}: no bytes came for {timeout.TotalSeconds:0.###} s; check the store and the network.", isTransient: true, e);
        }
        catch (Exception e) when (e is not (OperationCanceledException or StorageException or ObjectDisposedException))
        {
            throw new StorageException($"{place}: the download broke off; try again. {e.Message}", isTransient: true, e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer, offset, count, CancellationToken.None).GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            response.Dispose();
        }

        base.Dispose(disposing);
    }
}
