using System.Buffers.Binary;

namespace InferenceServer.Runtime.Decoding;

/// <summary>Describes the damage of a file that libvips cannot decode, from what the file itself shows.</summary>
internal static class Damage
{
    private static ReadOnlySpan<byte> JpegScan => [0xFF, 0xDA];

    private static ReadOnlySpan<byte> JpegEnd => [0xFF, 0xD9];

    /// <summary>The error for the client.</summary>
    /// <param name="format">The file's format.</param>
    /// <param name="header">The contents of the header, as words that follow the format's name; empty where the header
    /// cannot be read.</param>
    /// <param name="file">The whole file.</param>
    /// <param name="tiff">The directory of a TIFF file.</param>
    /// <param name="cause">The error of libvips, for the log; null where the file was not given to libvips.</param>
    public static SegmentationException Explain(
        ImageFormat format, string header, ReadOnlySpan<byte> file, TiffDirectory? tiff, Exception? cause)
    {
        string what = $"The {format.MediaType}{header}";
        if ((tiff is null ? Cut(format, file) : tiff.Cut) is { } cut)
        {
            string message = $"{what} ends early: {cut}. The file has {file.Length:N0} bytes; send the whole file.";
            return new SegmentationException(SegmentationError.UndecodableImage, message, cause);
        }

        const string Advice =
            "the file is damaged, or uses an unsupported variant of the format. Save the image again and send the new file.";
        return new SegmentationException(SegmentationError.UndecodableImage, $"{what} cannot be decoded: {Advice}", cause);
    }

    private static string? Cut(ImageFormat format, ReadOnlySpan<byte> file)
    {
        if (format == ImageFormat.Jpeg)
        {
            // The end marker of a thumbnail comes before the image's own data.
            if (file.LastIndexOf(JpegEnd) > file.LastIndexOf(JpegScan))
            {
                return null;
            }

            return "its end marker is missing";
        }

        if (format == ImageFormat.Png)
        {
            if (file.LastIndexOf("IEND"u8) > 0)
            {
                return null;
            }

            return "its chunk IEND is missing";
        }

        if (format == ImageFormat.Gif)
        {
            if (file.TrimEnd((byte)0) is [.., (byte)';'])
            {
                return null;
            }

            return "its trailer is missing";
        }

        long announced = format == ImageFormat.Webp ? 8L + BinaryPrimitives.ReadUInt32LittleEndian(file[4..]) : LengthOfBoxes(file);
        if (announced <= file.Length)
        {
            return null;
        }

        return $"its header declares {announced:N0} bytes";
    }

    private static long LengthOfBoxes(ReadOnlySpan<byte> file)
    {
        const int ShortestBox = 8;
        long at = 0;
        while (at <= file.Length - (2 * ShortestBox))
        {
            ReadOnlySpan<byte> box = file[(int)at..];
            long length = BinaryPrimitives.ReadUInt32BigEndian(box);
            length = length == 1 ? (long)Math.Min(BinaryPrimitives.ReadUInt64BigEndian(box[ShortestBox..]), int.MaxValue) : length;
            if (length < ShortestBox)
            {
                return file.Length; // the last box reaches to the end of the file, or its length is invalid
            }

            at += length;
        }

        return at;
    }
}
