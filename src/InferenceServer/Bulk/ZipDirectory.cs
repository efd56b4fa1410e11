using System.Buffers.Binary;
using InferenceServer.Runtime;

namespace InferenceServer.Bulk;

/// <summary>Checks the length of a zip's list of files before the list is read.</summary>
/// <remarks>Reading makes an object of each entry, and a gigabyte of empty entries would make twenty million.</remarks>
internal static class ZipDirectory
{
    private const int EndLength = 22;
    private const int OffsetOfDisk = 4, OffsetOfCount = 10, OffsetOfStart = 16;
    private const int LeastBytes = 64 * 1024;
    private const int BytesOfEntry = 1024; // 46, the name, and extra fields
    private static ReadOnlySpan<byte> EndSignature => "PK\u0005\u0006"u8;

    /// <exception cref="SegmentationException">The list is too long for <paramref name="maxImages"/>, or of the kind
    /// for larger zips (zip64).</exception>
    public static void Check(Stream zip, int maxImages)
    {
        byte[] tail = new byte[Math.Min(zip.Length, EndLength + ushort.MaxValue)]; // a comment may follow the record
        zip.Position = zip.Length - tail.Length;
        zip.ReadExactly(tail);
        // Like the reader of .NET, which ignores a signature without room for a record behind it.
        int end = tail.Length < EndLength ? -1 : tail.AsSpan(0, tail.Length - EndLength + EndSignature.Length).LastIndexOf(EndSignature);
        if (end < 0)
        {
            return; // not a zip, as the reader will report
        }

        ReadOnlySpan<byte> record = tail.AsSpan(end);
        uint start = BinaryPrimitives.ReadUInt32LittleEndian(record[OffsetOfStart..]);
        bool isZip64 = start == uint.MaxValue
            || BinaryPrimitives.ReadUInt16LittleEndian(record[OffsetOfDisk..]) == ushort.MaxValue
            || BinaryPrimitives.ReadUInt16LittleEndian(record[OffsetOfCount..]) == ushort.MaxValue;
        if (isZip64 || zip.Length - tail.Length + end - start > Math.Max(LeastBytes, (long)maxImages * BytesOfEntry))
        {
            throw new SegmentationException(
                SegmentationError.PayloadTooLarge,
                $"Expected a zip with at most {maxImages:N0} images (Bulk:MaxImages), got a longer list of files. "
                + "Send several zips.");
        }
    }
}
