using System.Buffers;
using System.Globalization;
using DenseCrf;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Refinement;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>Reads a whole body or image, and counts its bytes while they arrive.</summary>
internal static class BodyReader
{
    private const int BufferSize = 64 * 1024;

    /// <summary>Reads a stream to its end.</summary>
    /// <param name="body">The stream.</param>
    /// <param name="length">The announced length; null where there is none.</param>
    /// <param name="maxBytes">Most bytes.</param>
    /// <param name="hold">Called with the bytes of memory so far; throws where the server has no room for
    /// them.</param>
    /// <param name="what">Subject of the error message, such as "The image".</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <param name="begun">The start of the body, where it was read before.</param>
    /// <returns>The bytes; the caller disposes the buffer.</returns>
    /// <exception cref="SegmentationException">There are more than <paramref name="maxBytes"/>.</exception>
    public static async Task<PooledBufferWriter> ReadAsync(
        Stream body, long? length, long maxBytes, Action<long> hold, string what, CancellationToken cancellationToken,
        ReadOnlyMemory<byte> begun = default)
    {
        // The announced length may be wrong: the buffer grows with the bytes that arrive.
        long expected = Math.Min(length ?? BufferSize, maxBytes) + 1;
        using Owned<PooledBufferWriter> owned = new(
            new PooledBufferWriter((int)Math.Min(expected, BufferSize), (int)Math.Min(expected, Array.MaxLength)));
        PooledBufferWriter bytes = owned.Value;
        bytes.Write(begun.Span);
        while (await body.ReadAsync(bytes.GetMemory(), cancellationToken) is > 0 and int count)
        {
            bytes.Advance(count);
            if (bytes.Written.Length > maxBytes)
            {
                throw TooLarge(what, maxBytes);
            }

            hold(Math.Min(bytes.Capacity, Math.Max(expected - 1, bytes.Written.Length)));
        }

        return owned.Release();
    }

    /// <summary>The error for too many bytes.</summary>
    public static SegmentationException TooLarge(string what, long maxBytes) =>
        new(
            SegmentationError.PayloadTooLarge,
            $"{what} is too large: expected at most {maxBytes:N0} bytes. Send fewer.");
}

/// <summary>The encoded images of one request.</summary>
/// <param name="Image">The image to segment.</param>
/// <param name="Background">The image behind a cutout; null where the request has none.</param>
internal sealed record RequestImages(PooledBufferWriter Image, PooledBufferWriter? Background = null) : IDisposable
{
    /// <summary>Scores in place of a network's; null where a network runs.</summary>
    public GivenScores? Scores { get; set; }

    /// <summary>Kernels of the CRF beside <see cref="Scores"/>; null takes the usual ones.</summary>
    public IReadOnlyList<CrfKernel>? Kernels { get; init; }

    /// <summary>Returns all to the pool.</summary>
    public void Dispose()
    {
        Image.Dispose();
        Background?.Dispose();
        Scores?.Dispose();
    }
}

/// <summary>Reads the encoded images of a request; the caller disposes them.</summary>
/// <inheritdoc cref="ImageReader"/>
internal delegate Task<RequestImages> ImagesReader(long maxBytes, Action<long> hold, CancellationToken cancellationToken);

/// <summary>Reads the encoded image of a request; the caller disposes the buffer.</summary>
/// <param name="maxBytes">Most bytes of an image.</param>
/// <param name="hold">Called with the number of bytes received so far; throws where the server has no room for
/// them.</param>
/// <param name="cancellationToken">Cancels reading.</param>
/// <exception cref="SegmentationException">The image is too large or missing.</exception>
internal delegate Task<PooledBufferWriter> ImageReader(
    long maxBytes, Action<long> hold, CancellationToken cancellationToken);

/// <summary>How fast bytes must pass between a client and the server. Only time in which the server waits for the client
/// counts.</summary>
/// <param name="BytesPerSecond">The least rate, after the grace.</param>
/// <param name="Grace">Time without a rate at the start.</param>
/// <param name="Limit">Most time for all bytes.</param>
internal readonly record struct Pace(double BytesPerSecond, TimeSpan Grace, TimeSpan Limit)
{
    private const double LeastOfBody = 240; // as Kestrel's own limit
    private const double MostOfAnswer = 1 << 20;
    private static readonly TimeSpan UsualGrace = TimeSpan.FromSeconds(5), ShortGrace = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan UsualTime = TimeSpan.FromMinutes(2), ShortTime = TimeSpan.FromSeconds(30);

    /// <summary>A request's body: on course to be complete in time.</summary>
    /// <param name="length">The announced length; null where there is none.</param>
    /// <param name="timeout">Time for the whole body.</param>
    public static Pace OfBody(long? length, TimeSpan timeout)
    {
        double seconds = Math.Max((timeout - UsualGrace).TotalSeconds, 1);
        return new Pace(Math.Max((length ?? 0) / seconds, LeastOfBody), UsualGrace, timeout);
    }

    /// <summary>An answer: read in two minutes, or 30 seconds where it keeps its request's place; a large one at a mebibyte
    /// a second.</summary>
    /// <param name="length">Bytes of the answer.</param>
    /// <param name="keepsPlace">Whether the request keeps its place meanwhile.</param>
    public static Pace OfAnswer(long length, bool keepsPlace)
    {
        TimeSpan grace = UsualGrace, time = UsualTime;
        if (keepsPlace)
        {
            (grace, time) = (ShortGrace, ShortTime);
        }

        return new Pace(Math.Min(Math.Max(length, 1) / (time - grace).TotalSeconds, MostOfAnswer), grace, TimeSpan.MaxValue);
    }

    /// <summary>The time by which more than <paramref name="bytes"/> must have passed.</summary>
    public TimeSpan Due(long bytes)
    {
        double seconds = bytes / BytesPerSecond;
        if (seconds < (Limit - Grace).TotalSeconds)
        {
            return Grace + TimeSpan.FromSeconds(seconds);
        }

        return Limit;
    }
}

/// <summary>A request's body, which fails where the client sends it too slowly.</summary>
/// <remarks>Kestrel's own limit knows no length, and over HTTP/2 ends the connection with all its requests; it is switched
/// off.</remarks>
internal sealed class PacedBody : Stream, IArrivingBody
{
    private static readonly TimeSpan UsualTimeout = TimeSpan.FromMinutes(2);

    private readonly CancellationTokenSource _end = new();
    private readonly HttpContext _http;
    private readonly Stream _body;
    private readonly TimeProvider _time;
    private ITimer? _late;
    private Pace _pace;
    private TimeSpan _waited;
    private long? _length;
    private long _bytes;

    private PacedBody(HttpContext http, TimeProvider time)
    {
        (_http, _body, _length, _time) = (http, http.Request.Body, http.Request.ContentLength, time);
        ArriveWithin(UsualTimeout);
        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The body of a request whose endpoint reads images; null of another request.</summary>
    public static PacedBody? Of(HttpContext http) => http.Features.Get<PacedBody>();

    /// <summary>Watches the bodies of requests that count against a key's budget: all others are short. It stands before
    /// what inflates bodies, since a client sends compressed bytes.</summary>
    public static void Watch(WebApplication app)
    {
        TimeProvider time = app.Services.GetRequiredService<TimeProvider>();
        app.Use(async (http, next) =>
        {
            if (http.GetEndpoint()?.Metadata.GetMetadata<Budgeted>() is null)
            {
                await next(http);
                return;
            }

            await using PacedBody body = new(http, time);
            http.Features.Set(body);
            http.Request.Body = body;
            await next(http);
        });
    }

    /// <summary>Whether reading was given up, so that no more can be read.</summary>
    public bool HasEnded => _end.IsCancellationRequested;

    /// <summary>Sets the length of a body that has no Content-Length but says it itself.</summary>
    public void Announce(long length) => _length = length;

    /// <summary>Reads the start of the next message of a stream. The client may wait with it; from there on its pace
    /// counts.</summary>
    public async ValueTask<int> ReadNextAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int count = await _body.ReadAsync(buffer, cancellationToken);
        (_bytes, _waited, _length) = (count, TimeSpan.Zero, null);
        ArriveWithin(UsualTimeout);
        return count;
    }

    /// <inheritdoc/>
    public void ArriveWithin(TimeSpan timeout) => _pace = Pace.OfBody(_length, timeout);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ValueTask<int> read = _body.ReadAsync(buffer, _end.Token);
        int count = read.IsCompletedSuccessfully ? read.Result : await WaitAsync(read, cancellationToken);
        _bytes += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Stops watching the client, and waits for a timer that has just run out: what it cancels is gone
    /// afterwards.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (_late is not null)
        {
            await _late.DisposeAsync();
        }

        _end.Dispose();
        await base.DisposeAsync();
    }

    private async ValueTask<int> WaitAsync(ValueTask<int> read, CancellationToken cancellationToken)
    {
        long start = _time.GetTimestamp();
        await using CancellationTokenRegistration caller = cancellationToken.UnsafeRegister(Cancel, _end);
        TimeSpan left = _pace.Due(_bytes) - _waited;
        left = left > TimeSpan.Zero ? left : TimeSpan.Zero;
        _late ??= _time.CreateTimer(Cancel, _end, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _late.Change(left, Timeout.InfiniteTimeSpan);
        try
        {
            return await read;
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw TooSlow(_waited + _time.GetElapsedTime(start));
        }
        finally
        {
            _late.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _waited += _time.GetElapsedTime(start);
        }

        static void Cancel(object? end) => ((CancellationTokenSource)end!).Cancel();
    }

    // The rest of the body would come as slowly: the connection is closed.
    private SegmentationException TooSlow(TimeSpan waited)
    {
        if (HttpProtocol.IsHttp11(_http.Request.Protocol))
        {
            _http.Response.OnStarting(static response =>
            {
                ((HttpResponse)response).Headers[HeaderNames.Connection] = "close";
                return Task.CompletedTask;
            }, _http.Response);
        }

        string whole = _length is { } length ? $" of {length.ToString("N0", CultureInfo.InvariantCulture)}" : "";
        return new SegmentationException(
            ErrorTable.SlowBody,
            string.Create(
                CultureInfo.InvariantCulture,
                $"Expected the body at {_pace.BytesPerSecond:N0} bytes a second or faster, and complete in " +
                $"{_pace.Limit.TotalSeconds:N0} s; got {_bytes:N0}{whole} bytes in {waited.TotalSeconds:N0} s. Send faster or less, " +
                $"or allow a longer timeout."));
    }
}
