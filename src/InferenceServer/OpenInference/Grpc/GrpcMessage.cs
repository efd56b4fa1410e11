using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using Microsoft.AspNetCore.Http.Features;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Reads and writes messages on the wire: one byte for compression, four bytes of length (big-endian), and
/// the message.</summary>
internal static class GrpcMessage
{
    public const string ContentType = "application/grpc";

    /// <summary>The trailer, or header, with the status.</summary>
    public const string Status = "grpc-status";

    /// <summary>Bytes before each message.</summary>
    public const int FrameHeader = 5;

    private const int LengthAt = 1;
    private const uint VarintMore = 0x80;
    private const int LeastGrowth = 64 * 1024;
    private const int FrameOfHttp2 = 16 * 1024;

    /// <summary>Whether a request is a gRPC call, so that its response must be gRPC too.</summary>
    public static bool IsCall(HttpContext http) =>
        http.Request.ContentType?.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase) is true && http.Response.SupportsTrailers();

    /// <summary>Reads the frame's header, and the part of the message that arrived with the header.</summary>
    /// <param name="http">The call.</param>
    /// <param name="maxBytes">Most bytes of a message.</param>
    /// <param name="atLeast">Bytes of the message to wait for, unless the message is shorter.</param>
    /// <param name="begun">The bytes of the header that were read before.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The bytes read and the length of the whole message; the caller disposes the result.</returns>
    /// <exception cref="SegmentationException">The message is too long, compressed, or ends too early.</exception>
    public static async Task<GrpcPart> BeginAsync(
        HttpContext http, int maxBytes, int atLeast, ReadOnlyMemory<byte> begun, CancellationToken cancellationToken)
    {
        byte[] header = new byte[FrameHeader];
        begun.CopyTo(header);
        Memory<byte> rest = header.AsMemory(begun.Length);
        if (await http.Request.Body.ReadAtLeastAsync(rest, rest.Length, throwOnEndOfStream: false, cancellationToken) < rest.Length)
        {
            throw Broken();
        }

        if (header[0] != 0)
        {
            if (!http.Response.HasStarted)
            {
                http.Response.Headers["grpc-accept-encoding"] = "identity";
            }

            throw new SegmentationException(
                ErrorTable.NotSupported,
                "Expected a message without compression, got a compressed one; send it uncompressed.");
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(LengthAt));
        if (length > maxBytes)
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge,
                $"Expected a message of at most {maxBytes:N0} bytes, got {length:N0}.");
        }

        int beginning = Math.Min(atLeast, (int)length);
        using Owned<GrpcPart> part = new(new GrpcPart((int)length, new PooledBufferWriter(beginning, (int)length)));
        await FillAsync(http, part.Value, beginning, _ => { }, cancellationToken);
        return part.Release();
    }

    /// <summary>Reads the rest of the message.</summary>
    /// <param name="http">The call.</param>
    /// <param name="part">The result of the first read; receives the rest.</param>
    /// <param name="hold">Called with the bytes of memory so far; throws where the server has no room for them.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <exception cref="SegmentationException">The message ends too early.</exception>
    public static Task EndAsync(HttpContext http, GrpcPart part, Action<long> hold, CancellationToken cancellationToken)
    {
        hold(part.Held);
        return FillAsync(http, part, part.Length, hold, cancellationToken);
    }

    /// <summary>Reads the rest of a message that is not wanted, so that the next one can be read.</summary>
    public static async Task SkipAsync(HttpContext http, GrpcPart part, CancellationToken cancellationToken)
    {
        part.Dispose();
        byte[] bytes = new byte[Math.Min(part.Missing, FrameOfHttp2)];
        while (part.Missing > 0)
        {
            Memory<byte> room = bytes.AsMemory(0, Math.Min(part.Missing, bytes.Length));
            int count = await http.Request.Body.ReadAsync(room, cancellationToken);
            part.Missing -= count > 0 ? count : throw Broken();
        }
    }

    /// <summary>Expects that the call ends after its message.</summary>
    /// <exception cref="SegmentationException">Another message follows.</exception>
    public static async Task ExpectEndAsync(HttpContext http, CancellationToken cancellationToken)
    {
        if (await http.Request.Body.ReadAsync(new byte[1], cancellationToken) > 0)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, "Expected one message in the call, got more.");
        }
    }

    /// <summary>The bytes of a message and its header.</summary>
    public static PooledBufferWriter Frame(IMessage message) => Frame(message, [], message.CalculateSize(), 0);

    /// <summary>The bytes of a message and its header up to the last field's value, which is sent
    /// separately.</summary>
    /// <param name="message">The message without its last field.</param>
    /// <param name="tag">Tag of the last field.</param>
    /// <param name="length">Bytes of the last field.</param>
    /// <param name="within">Tag of the field that the message is in another one; null where it is in none.</param>
    public static PooledBufferWriter Frame(IMessage message, uint tag, int length, uint? within)
    {
        int head = message.CalculateSize() + CodedOutputStream.ComputeRawVarint32Size(tag) + CodedOutputStream.ComputeLengthSize(length);
        uint[] outer = within is { } field ? [field, (uint)head + (uint)length] : [];
        PooledBufferWriter frame = Frame(message, outer, head, length);
        WriteVarint(frame, tag);
        WriteVarint(frame, (uint)length);
        return frame;
    }

    /// <summary>Whether the call has its status, so that no other one can be sent.</summary>
    public static bool HasStatus(HttpContext http) =>
        http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers.ContainsKey(Status);

    /// <summary>Sends a small message, and the status OK.</summary>
    public static async Task SendAsync(HttpContext http, ReadOnlyMemory<byte> frame)
    {
        Succeed(http);
        await http.Response.Body.WriteAsync(frame, http.RequestAborted);
    }

    /// <summary>Sets the status OK: before the only message is sent, or after all of a stream.</summary>
    public static void Succeed(HttpContext http)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.ContentType = ContentType;
        }

        http.Response.AppendTrailer(Status, "0");
    }

    private static PooledBufferWriter Frame(IMessage message, uint[] outer, int head, int rest)
    {
        head += outer.Sum(CodedOutputStream.ComputeRawVarint32Size);
        PooledBufferWriter frame = new(FrameHeader + head);
        Span<byte> header = frame.GetSpan(FrameHeader);
        header[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(header[LengthAt..], (uint)head + (uint)rest);
        frame.Advance(FrameHeader);
        Array.ForEach(outer, value => WriteVarint(frame, value));
        message.WriteTo((IBufferWriter<byte>)frame);
        return frame;
    }

    private static void WriteVarint(PooledBufferWriter frame, uint value)
    {
        for (; value >= VarintMore; value >>= 7)
        {
            frame.Write([(byte)(value | VarintMore)]);
        }

        frame.Write([(byte)value]);
    }

    // The declared length is not trusted: the buffer grows with the bytes that arrive.
    private static async Task FillAsync(
        HttpContext http, GrpcPart part, int length, Action<long> hold, CancellationToken cancellationToken)
    {
        while (part.Bytes.Written.Length < length)
        {
            Memory<byte> room = part.Bytes.GetMemory(Math.Min(length - part.Bytes.Written.Length, LeastGrowth));
            int left = part.Length - part.Bytes.Written.Length;
            int count = await http.Request.Body.ReadAsync(room.Length > left ? room[..left] : room, cancellationToken);
            part.Add(count > 0 ? count : throw Broken());
            hold(part.Held);
        }
    }

    private static SegmentationException Broken() =>
        new(SegmentationError.InvalidRequest, "Expected a whole message, but the call ended early.");
}

/// <summary>A message that is being read. The caller disposes it.</summary>
/// <param name="Length">Bytes of the whole message.</param>
/// <param name="Bytes">The bytes that have arrived.</param>
internal sealed record GrpcPart(int Length, PooledBufferWriter Bytes) : IDisposable
{
    /// <summary>Bytes of the message that have not been read.</summary>
    public int Missing { get; set; } = Length;

    /// <summary>Counts bytes that were read into the buffer.</summary>
    public void Add(int count)
    {
        Bytes.Advance(count);
        Missing -= count;
    }

    /// <summary>Bytes of memory so far.</summary>
    public int Held => Math.Min(Bytes.Capacity, Length);

    public void Dispose() => Bytes.Dispose();
}
