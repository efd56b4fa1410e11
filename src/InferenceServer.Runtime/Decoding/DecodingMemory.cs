using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The memory that libvips takes to decode an image, beside the pixels that it writes. tests/soak/decoding.py
/// measures it.</summary>
/// <remarks>Most decoders go from strip to strip. A few hold the whole image: that of progressive JPEG and interlaced PNG,
/// and those of WebP, AVIF and GIF.</remarks>
internal static class DecodingMemory
{
    // Steps that hold a strip, and their rows in all; measured on images that are no higher than a strip.
    private const long Steps = 10, RowsOfSteps = 64 * Steps;

    // Few images are decoded at once.
    private const long Negligible = 1 << 20;

    // A decoder holds the frame, and libvips a copy of it. Lossless WebP, with its tables, may be in any file that is not
    // plainly lossy.
    private const int LossyWebpBytes = 10, WebpBytes = 16, GifBytes = 8;

    // Planes of luma and colour, the frame made of them, and a copy.
    private const int AvifBytes = 18, DeepAvifBytes = 20, AvifAlphaBytes = 4;

    // Beside the coefficients of each component, the decoder of JPEG has samples of a part of the image.
    private const int JpegBytes = 3;

    private const int PngInterlacing = 28, WebpKind = 12; // positions in the file
    private const byte JpegMarker = 0xFF, FirstFrame = 0xC0, LastFrame = 0xCF, Tables = 0xC4, Arithmetic = 0xCC, Scan = 0xDA;

    /// <summary>Bytes of the decoder.</summary>
    /// <param name="format">The file's format.</param>
    /// <param name="file">The whole file.</param>
    /// <param name="size">Size of the whole image; a decoder of a window may hold the rest, too.</param>
    /// <param name="pixelBytes">Bytes of a pixel as libvips sees it.</param>
    /// <param name="tiff">What the samples of a TIFF file are; null for other formats.</param>
    public static long OfFile(ImageFormat format, ReadOnlySpan<byte> file, ImageSize size, int pixelBytes, TiffImage? tiff)
    {
        if (tiff is not null)
        {
            // At most a strip; or a row of tiles, in the decoder and in libvips' cache.
            int copies = 1;
            if (tiff.IsTiled)
            {
                copies = 3;
            }

            return copies * (long)Math.Min(tiff.Block.Height, size.Height) * size.Width * pixelBytes;
        }

        long pixels = size.Pixels;
        if (IsInSeveralPasses(format, file))
        {
            return pixels * (format == ImageFormat.Jpeg ? (pixelBytes * sizeof(short)) + JpegBytes : pixelBytes);
        }

        if (format == ImageFormat.Webp)
        {
            bool isLossy = file.Length > WebpKind + 4 && file[WebpKind..].StartsWith("VP8 "u8);
            return pixels * (isLossy ? LossyWebpBytes : WebpBytes);
        }

        if (format == ImageFormat.Gif)
        {
            return pixels * GifBytes;
        }

        if (format == ImageFormat.Avif)
        {
            const int Colors = 3, DeepColors = 6;
            int bytes = pixelBytes >= DeepColors ? DeepAvifBytes : AvifBytes;
            return pixels * (bytes + (pixelBytes is Colors or DeepColors ? 0 : AvifAlphaBytes));
        }

        return 0;
    }

    /// <summary>Bytes of libvips' steps from the decoder to 8-bit sRGB, each of which holds a strip of rows.</summary>
    /// <param name="size">Size of the image.</param>
    /// <param name="pixelBytes">Bytes of a pixel as libvips sees it.</param>
    public static long OfSteps(ImageSize size, int pixelBytes) =>
        Math.Max((size.Width * Math.Min(RowsOfSteps, size.Height * Steps) * pixelBytes) - Negligible, 0);

    /// <summary>Whether each part of a JPEG or PNG file describes the whole image, so that a decoder reads the whole file
    /// before it has the first row.</summary>
    public static bool IsInSeveralPasses(ImageFormat format, ReadOnlySpan<byte> file)
    {
        if (format == ImageFormat.Png)
        {
            return file.Length > PngInterlacing && file[PngInterlacing] != 0;
        }

        return format == ImageFormat.Jpeg && IsInSeveralScans(file);
    }

    // Each scan has a part of the coefficients, which are all held until the last one: that of progressive files, and of
    // others whose first scan has fewer components than the frame.
    private static bool IsInSeveralScans(ReadOnlySpan<byte> file)
    {
        int components = 0;
        for (int at = 2; at + 10 < file.Length && file[at] == JpegMarker;)
        {
            byte marker = file[at + 1];
            if (marker == JpegMarker)
            {
                at++; // fill byte
                continue;
            }

            if (marker == Scan)
            {
                return file[at + 4] < components;
            }

            if (marker is >= FirstFrame and <= LastFrame and not Tables and not Arithmetic and not 0xC8)
            {
                if (marker > FirstFrame + 1)
                {
                    return true;
                }

                components = file[at + 9];
            }

            at += 2 + ((file[at + 2] << 8) | file[at + 3]);
        }

        return true; // a file that is read in no usual way takes no less
    }
}
