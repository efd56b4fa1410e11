using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Reads and writes messages on the wire: one byte for compression, four bytes of length (big-endian), and
/// the message.</summary>
internal static class GrpcMessage
{
    public const string ContentType = "application/grpc";

    private const int FrameHeader = 5;
    private const int LengthAt = 1;
    private const uint VarintMore = 0x80;
    private const int LeastGrowth = 64 * 1024;

    /// <summary>Whether a request is a gRPC call, so that its response must be gRPC too.</summary>
    public static bool IsCall(HttpContext http) =>
        http.Request.ContentType?.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase) is true && http.Response.SupportsTrailers();

    /// <summary>Reads the frame's header, and the part of the message that arrived with the header.</summary>
    /// <param name="http">The call.</param>
    /// <param name="maxBytes">Most bytes of a message.</param>
    /// <param name="atLeast">Bytes of the message to wait for, unless the message is shorter.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The bytes read and the length of the whole message; the caller disposes the result.</returns>
    /// <exception cref="SegmentationException">The message is too long, compressed, or ends too early.</exception>
    public static async Task<GrpcPart> BeginAsync(HttpContext http, int maxBytes, int atLeast, CancellationToken cancellationToken)
    {
        byte[] header = new byte[FrameHeader];
        if (await http.Request.Body.ReadAtLeastAsync(header, FrameHeader, throwOnEndOfStream: false, cancellationToken) < FrameHeader)
        {
            throw Broken();
        }

        if (header[0] != 0)
        {
            http.Response.Headers["grpc-accept-encoding"] = "identity";
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

    /// <summary>Reads the rest of the message; the call must end with it.</summary>
    /// <param name="http">The call.</param>
    /// <param name="part">The result of the first read; receives the rest.</param>
    /// <param name="hold">Called with the bytes of memory so far; throws where the server has no room for them.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <exception cref="SegmentationException">The message ends too early, or another follows.</exception>
    public static async Task EndAsync(HttpContext http, GrpcPart part, Action<long> hold, CancellationToken cancellationToken)
    {
        hold(part.Held);
        await FillAsync(http, part, part.Length, hold, cancellationToken);
        if (await http.Request.Body.ReadAsync(new byte[1], cancellationToken) > 0)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, "Expected one message in the call, got more.");
        }
    }

    /// <summary>The bytes of a message and its header.</summary>
    public static PooledBufferWriter Frame(IMessage message) => Frame(message, message.CalculateSize(), 0);

    /// <summary>The bytes of a message and its header up to the last field's value, which is sent
    /// separately.</summary>
    /// <param name="message">The message without its last field.</param>
    /// <param name="tag">Tag of the last field.</param>
    /// <param name="length">Bytes of the last field.</param>
    public static PooledBufferWriter Frame(IMessage message, uint tag, int length)
    {
        int head = message.CalculateSize() + CodedOutputStream.ComputeRawVarint32Size(tag) + CodedOutputStream.ComputeLengthSize(length);
        PooledBufferWriter frame = Frame(message, head, length);
        WriteVarint(frame, tag);
        WriteVarint(frame, (uint)length);
        return frame;
    }

    /// <summary>Sends a small message, and the status OK.</summary>
    public static async Task SendAsync(HttpContext http, ReadOnlyMemory<byte> frame)
    {
        Succeed(http);
        await http.Response.Body.WriteAsync(frame, http.RequestAborted);
    }

    /// <summary>Sets the status OK before a message is sent.</summary>
    public static void Succeed(HttpContext http)
    {
        http.Response.ContentType = ContentType;
        http.Response.AppendTrailer("grpc-status", "0");
    }

    private static PooledBufferWriter Frame(IMessage message, int head, int rest)
    {
        PooledBufferWriter frame = new(FrameHeader + head);
        Span<byte> header = frame.GetSpan(FrameHeader);
        header[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(header[LengthAt..], (uint)head + (uint)rest);
        frame.Advance(FrameHeader);
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
            part.Bytes.Advance(count > 0 ? count : throw Broken());
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
    /// <summary>Bytes of memory so far.</summary>
    public int Held => Math.Min(Bytes.Capacity, Length);

    public void Dispose() => Bytes.Dispose();
}
