using System.Buffers.Text;

namespace InferenceServer.Jobs;

/// <summary>Finds the answered images in a job's file of answers. Only the beginning of each line is parsed, since a
/// line is as long as its mask.</summary>
internal static class AnswerLines
{
    private const int BufferSize = 64 * 1024;
    private const int HeadLength = 64; // {"index":2147483647,"status":200,

    /// <summary>Reads all complete lines.</summary>
    /// <param name="file">The file, read from its start.</param>
    /// <param name="failures">Number of lines with an error instead of a mask.</param>
    /// <param name="length">Bytes of the complete lines. A crash may have left a part of a line behind them.</param>
    /// <returns>The indices of the answered images.</returns>
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

    // NdjsonWriter writes index and status first.
    private static bool TryParse(ReadOnlySpan<byte> head, out int index, out bool failed)
    {
        ReadOnlySpan<byte> before = "{\"index\":"u8, between = ",\"status\":"u8;
        (index, failed) = (0, false);
        if (!head.StartsWith(before)
            || !Utf8Parser.TryParse(head[before.Length..], out index, out int digits)
            || !head[(before.Length + digits)..].StartsWith(between))
        {
            return false;
        }

        bool isNumber = Utf8Parser.TryParse(head[(before.Length + digits + between.Length)..], out int status, out _);
        failed = status != StatusCodes.Status200OK;
        return isNumber;
    }
}
