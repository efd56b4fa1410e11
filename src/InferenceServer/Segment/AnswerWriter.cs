using System.Buffers;
using System.IO.Pipelines;
using InferenceServer.Bulk;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Telemetry;

namespace InferenceServer.Segment;

/// <summary>Writes answers, each at the rate at which its client reads, and ends the connection of a client that reads too
/// slowly.</summary>
/// <remarks>Kestrel copies what it is given, whole, into memory that it keeps: a large answer is written in pieces, each
/// after Kestrel has passed on the previous one.</remarks>
internal sealed class AnswerWriter : PipeWriter, IAsyncDisposable
{
    // So long the server may take to notice that it has ended a connection itself.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(1);

    private readonly HttpContext _http;
    private readonly PipeWriter _output;
    private readonly TimeProvider _time;
    private ITimer? _late;
    private volatile bool _isLate;
    private Pace _pace;
    private TimeSpan _waited;
    private long _bytes;

    /// <summary>A writer of a request's response.</summary>
    public AnswerWriter(HttpContext http)
    {
        (_http, _output) = (http, http.Response.BodyWriter);
        _time = http.RequestServices.GetRequiredService<TimeProvider>();
        Begin(0, keepsPlace: false);
    }

    /// <summary>Sends the answer of a request, which gives its place back before.</summary>
    /// <remarks>The last piece lies in Kestrel's memory when the request and the answer are disposed, and leaves then: a client
    /// that has the whole answer may ask again at once, and finds the room that it had.</remarks>
    /// <param name="http">The request; its response has no body yet.</param>
    /// <param name="admitted">The admitted request; disposed.</param>
    /// <param name="answer">Owns the parts; disposed.</param>
    /// <param name="parts">The bytes, in order.</param>
    public static async Task SendAsync(
        HttpContext http, AdmittedRequest admitted, IDisposable answer, params IReadOnlyList<ReadOnlyMemory<byte>> parts)
    {
        long length = parts.Sum(part => (long)part.Length), left = length;
        using (admitted.Timings.Measure(Stage.Write))
        {
            await using AnswerWriter output = new(http);
            output.Begin(length, keepsPlace: !admitted.TryLeave(length));
            foreach (ReadOnlyMemory<byte> part in parts)
            {
                left -= part.Length;
                int last = left == 0 ? Math.Min(part.Length, Pieces.Bytes) : 0;
                await output.WritePiecesAsync(part[..^last], http.RequestAborted);
                output.Write(part.Span[^last..]);
            }

            answer.Dispose();
            admitted.Dispose();
            await output.FlushAsync(http.RequestAborted);
        }

        http.Observation().Sent(length);
    }

    /// <summary>Begins an answer: its rate counts from here on.</summary>
    /// <param name="length">Bytes of the answer.</param>
    /// <param name="keepsPlace">Whether its request keeps its place while the client reads.</param>
    public void Begin(long length, bool keepsPlace) =>
        (_pace, _waited, _bytes) = (Pace.OfAnswer(length, keepsPlace), TimeSpan.Zero, 0);

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        _bytes += bytes;
        _output.Advance(bytes);
    }

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0) => _output.GetMemory(sizeHint);

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => _output.GetSpan(sizeHint);

    /// <inheritdoc/>
    public override void CancelPendingFlush() => _output.CancelPendingFlush();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => _output.Complete(exception);

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ValueTask<FlushResult> flush = _output.FlushAsync(cancellationToken);
        if (flush.IsCompletedSuccessfully)
        {
            return flush;
        }

        return WaitAsync(flush);
    }

    /// <summary>Stops watching the client, and waits for a timer that has just run out: afterwards its connection may
    /// be another request's.</summary>
    public ValueTask DisposeAsync() => _late?.DisposeAsync() ?? default;

    private async ValueTask<FlushResult> WaitAsync(ValueTask<FlushResult> flush)
    {
        long start = _time.GetTimestamp();
        TimeSpan left = _pace.Due(_bytes) - _waited;
        left = left > TimeSpan.Zero ? left : TimeSpan.Zero;
        _late ??= _time.CreateTimer(End, this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _late.Change(left, Timeout.InfiniteTimeSpan);
        FlushResult result = await flush;
        _late.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _waited += _time.GetElapsedTime(start);
        if (!_isLate)
        {
            return result;
        }

        // What follows must know that the connection has ended.
        await Task.Delay(LongestEnd, _http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new OperationCanceledException("The client read its answer too slowly.", _http.RequestAborted);

        static void End(object? writer)
        {
            AnswerWriter late = (AnswerWriter)writer!;
            late._isLate = true;
            late._http.Abort();
        }
    }
}
