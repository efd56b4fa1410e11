using System.Buffers.Text;

namespace InferenceServer.Jobs;

/// <summary>Reads from a job's file of answers which images have one. A line is as long as its mask, so only its beginning is looked at.</summary>
internal static class AnswerLines
{
    private const int BufferSize = 64 * 1024;
    private const int HeadLength = 64; // {"index":2147483647,"status":200,

    /// <summary>Reads all lines that are whole.</summary>
    /// <param name="file">From its start.</param>
    /// <param name="failures">How many of them tell why there is no mask.</param>
    /// <param name="length">Bytes of these lines: behind them stands nothing, or what a crash has left.</param>
    /// <returns>The images that have an answer.</returns>
    public static HashSet<int> Read(Stream file, out int failures, out long length)
    {
        (failures, length) = (0, 0);
        HashSet<int> answered = [];
        byte[] buffer = new byte[BufferSize], head = new byte[HeadLength];
        int inHead = 0;
        long position = 0;
        while (file.Read(buffer) is > 0 and int count)
        {
            for (ReadOnlySpan<byte> left = buffer.AsSpan(0, count); left.Length > 0;)
            {
                int end = left.IndexOf((byte)'\n');
                ReadOnlySpan<byte> piece = end < 0 ? left : left[..end];
                ReadOnlySpan<byte> ofHead = piece[..Math.Min(piece.Length, HeadLength - inHead)];
                ofHead.CopyTo(head.AsSpan(inHead));
                inHead += ofHead.Length;
                int taken = end < 0 ? left.Length : end + 1;
                position += taken;
                left = left[taken..];
                if (end < 0)
                {
                    continue;
                }

                if (!TryParse(head.AsSpan(0, inHead), out int index, out bool failed))
                {
                    return answered;
                }

                answered.Add(index);
                failures += failed ? 1 : 0;
                (inHead, length) = (0, position);
            }
        }

        return answered;
    }

    // The server's own lines, whose first members stand in a known order.
    private static bool TryParse(ReadOnlySpan<byte> head, out int index, out bool failed)
    {
        ReadOnlySpan<byte> before = "{\"index\":"u8, between = ",\"status\":"u8;
        (index, failed) = (0, false);
        if (!head.StartsWith(before) || !Utf8Parser.TryParse(head[before.Length..], out index, out int digits) || !head[(before.Length + digits)..].StartsWith(between))
        {
            return false;
        }

        bool isNumber = Utf8Parser.TryParse(head[(before.Length + digits + between.Length)..], out int status, out _);
        failed = status != StatusCodes.Status200OK;
        return isNumber;
    }
}
