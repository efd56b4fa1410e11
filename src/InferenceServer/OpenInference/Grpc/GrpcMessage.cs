using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Messages as they lie on the wire: a byte that tells of compression, four of length with the most significant first, and the message.</summary>
internal static class GrpcMessage
{
    public const string ContentType = "application/grpc";

    private const int FrameHeader = 5;
    private const int LengthAt = 1;
    private const int BufferSize = 64 * 1024;

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
            throw new SegmentationException(SegmentationError.NotSupported, "Compressed messages are not taken; send it as it is.");
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(LengthAt));
        if (length > maxBytes)
        {
            throw new SegmentationException(SegmentationError.PayloadTooLarge, $"The message has {length:N0} bytes; at most {maxBytes:N0} are accepted.");
        }

        // A length is only a promise: the buffer grows with what really comes.
        GrpcPart part = new((int)length, new PooledBufferWriter(Math.Min((int)length + 1, BufferSize)));
        try
        {
            await FillAsync(http, part, Math.Min(atLeast, (int)length), null, cancellationToken);
            return part;
        }
        catch
        {
            part.Dispose();
            throw;
        }
    }

    /// <summary>Reads the rest of a message, after which nothing may come.</summary>
    /// <param name="http">The call.</param>
    /// <param name="part">What has been read; gets the rest.</param>
    /// <param name="hold">Told how many bytes have come.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="SegmentationException">The message ends too early, or another follows.</exception>
    public static async Task EndAsync(HttpContext http, GrpcPart part, Action<long>? hold, CancellationToken cancellationToken)
    {
        hold?.Invoke(part.Bytes.Written.Length);
        await FillAsync(http, part, part.Length, hold, cancellationToken);
        if (await http.Request.Body.ReadAsync(new byte[1], cancellationToken) > 0)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, "A call takes one message, and more came.");
        }
    }

    /// <summary>Lays a message out with its header.</summary>
    public static PooledBufferWriter Frame(IMessage message)
    {
        int length = message.CalculateSize();
        PooledBufferWriter frame = new(FrameHeader + length);
        Span<byte> header = frame.GetSpan(FrameHeader);
        header[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(header[LengthAt..], (uint)length);
        frame.Advance(FrameHeader);
        message.WriteTo((IBufferWriter<byte>)frame);
        return frame;
    }

    /// <summary>Sends a message, and that all went well.</summary>
    public static async Task SendAsync(HttpContext http, PooledBufferWriter frame)
    {
        http.Response.ContentType = ContentType;
        http.Response.AppendTrailer("grpc-status", "0");
        await http.Response.Body.WriteAsync(frame.Written, http.RequestAborted);
    }

    private static async Task FillAsync(HttpContext http, GrpcPart part, int length, Action<long>? hold, CancellationToken cancellationToken)
    {
        while (part.Bytes.Written.Length < length)
        {
            Memory<byte> room = part.Bytes.GetMemory();
            int left = part.Length - part.Bytes.Written.Length;
            int count = await http.Request.Body.ReadAsync(room.Length > left ? room[..left] : room, cancellationToken);
            if (count == 0)
            {
                throw Broken();
            }

            part.Bytes.Advance(count);
            hold?.Invoke(part.Bytes.Written.Length);
        }
    }

    private static SegmentationException Broken() => new(SegmentationError.InvalidRequest, "The call's message is not whole.");
}
