using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>A zip of one black and white PNG for each class in the mask, and the summary as
/// <c>classes.json</c>.</summary>
internal sealed class MasksZipEncoder : IMaskEncoder
{
    // A fixed time makes the file of a mask the same in every run.
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) => BinaryPng.Bytes(mask);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        MaskSummary summary = MaskSummary.Of(content);
        using ZipArchive zip = new(new BufferWriterStream(output), ZipArchiveMode.Create, leaveOpen: true);
        using PooledBufferWriter file = new();
        JsonSerializer.Serialize(new BufferWriterStream(file), summary, MaskSummaryJson.Default.MaskSummary);
        Add(zip, "classes.json", file, CompressionLevel.Fastest);
        foreach (ClassSummary of in summary.Classes)
        {
            using PooledBufferWriter png = new();
            BinaryPng.Write(of.Plane.Values.Span, content.Size, of.Value, png);
            Add(zip, FileName(of), png, CompressionLevel.NoCompression);
        }
    }

    /// <summary>A file name that every file system accepts and that stays in the folder of the extraction.</summary>
    private static string FileName(ClassSummary of)
    {
        string name = string.Concat(of.Name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        return string.Create(CultureInfo.InvariantCulture, $"{of.Index:D3}-{name}.png");
    }

    private static void Add(ZipArchive zip, string name, PooledBufferWriter file, CompressionLevel level)
    {
        ZipArchiveEntry entry = zip.CreateEntry(name, level);
        entry.LastWriteTime = Epoch;
        using Stream stream = entry.Open();
        stream.Write(file.Written.Span);
    }
}

/// <summary>Grey PNG of 8 bits: 255 at the pixels of one class, 0 elsewhere.</summary>
internal static class BinaryPng
{
    /// <summary>What files of all classes take: pixels of one class, its file, and all files. Noise of two classes
    /// takes 3 bits a pixel for each, noise of more classes less for each; one pixel belongs to one of them unless they
    /// overlap.</summary>
    public static EncodingBytes Bytes(in MaskExtent mask)
    {
        long noise = mask.Pixels * 2;
        if (mask.Overlaps)
        {
            noise = mask.Pixels * mask.Classes * 3 / 8;
        }

        return new EncodingBytes(2 * mask.Pixels, noise);
    }

    /// <summary>Writes one class of a label map.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="size">Size of <paramref name="labels"/>.</param>
    /// <param name="label">The class.</param>
    /// <param name="output">Receives the bytes.</param>
    public static void Write(ReadOnlySpan<byte> labels, ImageSize size, byte label, IBufferWriter<byte> output)
    {
        using PooledBuffer<byte> mask = new(labels.Length);
        BinaryMask.Select(labels, label, mask.Span);
        PngFile.Write(mask.Span, size, bands: 1, output, isFlat: true);
    }
}
