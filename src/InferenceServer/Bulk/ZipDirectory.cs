using System.Buffers.Binary;
using InferenceServer.Runtime;

namespace InferenceServer.Bulk;

/// <summary>Looks at the end of a zip before its list is read, which makes an object of each entry: a gigabyte of empty ones would be twenty million.</summary>
internal static class ZipDirectory
{
    private const int EndLength = 22;
    private const int OffsetOfDisk = 4, OffsetOfCount = 10, OffsetOfStart = 16;
    private const int LeastBytes = 64 * 1024;
    private const int BytesOfEntry = 1024; // 46, a name, and what else programs write there
    private static ReadOnlySpan<byte> EndSignature => "PK\u0005\u0006"u8;

    /// <exception cref="SegmentationException">The list is longer than that of <paramref name="maxImages"/>, or of a kind that only larger zips need.</exception>
    public static void Check(Stream zip, int maxImages)
    {
        byte[] tail = new byte[Math.Min(zip.Length, EndLength + ushort.MaxValue)]; // a comment may follow
        zip.Position = zip.Length - tail.Length;
        zip.ReadExactly(tail);
        // Where its reader looks, which takes no signature for a record that has no room behind it.
        int end = tail.Length < EndLength ? -1 : tail.AsSpan(0, tail.Length - EndLength + EndSignature.Length).LastIndexOf(EndSignature);
        if (end < 0)
        {
            return; // no zip, as its reader will say
        }

        ReadOnlySpan<byte> record = tail.AsSpan(end);
        uint start = BinaryPrimitives.ReadUInt32LittleEndian(record[OffsetOfStart..]);
        bool isZip64 = start == uint.MaxValue
            || BinaryPrimitives.ReadUInt16LittleEndian(record[OffsetOfDisk..]) == ushort.MaxValue
            || BinaryPrimitives.ReadUInt16LittleEndian(record[OffsetOfCount..]) == ushort.MaxValue;
        if (isZip64 || zip.Length - tail.Length + end - start > Math.Max(LeastBytes, (long)maxImages * BytesOfEntry))
        {
            throw new SegmentationException(SegmentationError.PayloadTooLarge, $"The zip's list of files is longer than that of {maxImages:N0} images, the most that is accepted; send several zips.");
        }
    }
}
