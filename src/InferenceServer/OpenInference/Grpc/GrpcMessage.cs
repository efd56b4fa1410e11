using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Messages as they lie on the wire: a byte that tells of compression, four of length with the most
/// significant first, and the message.</summary>
internal static class GrpcMessage
{
    public const string ContentType = "application/grpc";

    private const int FrameHeader = 5;
    private const int LengthAt = 1;
    private const uint VarintMore = 0x80;
    private const int LeastGrowth = 64 * 1024;

    /// <summary>Whether a request is a call at all, which its answer then has to be, too.</summary>
    public static bool IsCall(HttpContext http) =>
        http.Request.ContentType?.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase) is true && http.Response.SupportsTrailers();

    /// <summary>Reads the frame's header, and as much of the message as came with it.</summary>
    /// <param name="http">The call.</param>
    /// <param name="maxBytes">Most bytes of a message.</param>
    /// <param name="atLeast">Bytes of the message to wait for, unless it has fewer.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>What was read and how long the whole message is; the caller disposes it.</returns>
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
            throw new SegmentationException(ErrorTable.NotSupported, "Compressed messages are not taken; send it as it is.");
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(LengthAt));
        if (length > maxBytes)
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge,
                $"The message has {length:N0} bytes; at most {maxBytes:N0} are accepted.");
        }

        int beginning = Math.Min(atLeast, (int)length);
        using Owned<GrpcPart> part = new(new GrpcPart((int)length, new PooledBufferWriter(beginning)));
        await FillAsync(http, part.Value, beginning, cancellationToken);
        return part.Release();
    }

    /// <summary>Reads the rest of a message, after which nothing may come.</summary>
    /// <param name="http">The call.</param>
    /// <param name="part">What has been read; gets the rest.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="SegmentationException">The message ends too early, or another follows.</exception>
    public static async Task EndAsync(HttpContext http, GrpcPart part, CancellationToken cancellationToken)
    {
        await FillAsync(http, part, part.Length, cancellationToken);
        if (await http.Request.Body.ReadAsync(new byte[1], cancellationToken) > 0)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, "A call takes one message, and more came.");
        }
    }

    /// <summary>Lays a message out with its header.</summary>
    public static PooledBufferWriter Frame(IMessage message) => Frame(message, message.CalculateSize(), 0);

    /// <summary>Lays a message out as far as its last field, whose bytes are to be sent behind it.</summary>
    /// <param name="message">The rest of it.</param>
    /// <param name="tag">Of the last field.</param>
    /// <param name="length">Bytes of the last field.</param>
    public static PooledBufferWriter Frame(IMessage message, uint tag, int length)
    {
        int head = message.CalculateSize() + CodedOutputStream.ComputeRawVarint32Size(tag) + CodedOutputStream.ComputeLengthSize(length);
        PooledBufferWriter frame = Frame(message, head, length);
        WriteVarint(frame, tag);
        WriteVarint(frame, (uint)length);
        return frame;
    }

    /// <summary>Sends the parts of a message, and that all went well.</summary>
    public static async Task SendAsync(HttpContext http, params IReadOnlyList<ReadOnlyMemory<byte>> parts)
    {
        http.Response.ContentType = ContentType;
        http.Response.AppendTrailer("grpc-status", "0");
        foreach (ReadOnlyMemory<byte> part in parts)
        {
            await http.Response.Body.WriteAsync(part, http.RequestAborted);
        }
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

    // A length is only a promise: the buffer grows with what really comes.
    private static async Task FillAsync(HttpContext http, GrpcPart part, int length, CancellationToken cancellationToken)
    {
        while (part.Bytes.Written.Length < length)
        {
            Memory<byte> room = part.Bytes.GetMemory(Math.Min(length - part.Bytes.Written.Length, LeastGrowth));
            int left = part.Length - part.Bytes.Written.Length;
            int count = await http.Request.Body.ReadAsync(room.Length > left ? room[..left] : room, cancellationToken);
            part.Bytes.Advance(count > 0 ? count : throw Broken());
        }
    }

    private static SegmentationException Broken() => new(SegmentationError.InvalidRequest, "The call's message is not whole.");
}

/// <summary>A message while it is being read. Whoever holds it disposes it.</summary>
/// <param name="Length">Bytes of the whole message.</param>
/// <param name="Bytes">Those that have come.</param>
internal sealed record GrpcPart(int Length, PooledBufferWriter Bytes) : IDisposable
{
    public void Dispose() => Bytes.Dispose();
}
