using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Bulk;

/// <summary>Writes answers to a stream.</summary>
internal interface IBulkWriter
{
    /// <summary>Media type of the stream.</summary>
    string ContentType { get; }

    /// <summary>Writes one answer in pieces, so that the stream never buffers a whole mask.</summary>
    Task WriteAsync(BulkAnswer answer, PipeWriter output, CancellationToken cancellationToken);

    /// <summary>Writes the end of the stream.</summary>
    /// <param name="output">The stream.</param>
    void Finish(PipeWriter output);
}

/// <summary>Writes large buffers in pieces, each after the previous piece was flushed.</summary>
internal static class Pieces
{
    /// <summary>Bytes of a piece: a multiple of three, so that base64 has padding only at the end.</summary>
    public const int Bytes = 48 * 1024;

    /// <summary>Writes bytes as they are.</summary>
    public static async Task WritePiecesAsync(
        this PipeWriter output, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        for (int done = 0; done < bytes.Length; done += Bytes)
        {
            output.Write(Piece(bytes, done));
            await output.FlushAsync(cancellationToken);
        }
    }

    /// <summary>Writes bytes as base64.</summary>
    public static async Task WriteBase64Async(
        this PipeWriter output, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        for (int done = 0; done < bytes.Length; done += Bytes)
        {
            Base64.EncodeToUtf8(
                Piece(bytes, done), output.GetSpan(Base64.GetMaxEncodedToUtf8Length(Bytes)), out _, out int written);
            output.Advance(written);
            await output.FlushAsync(cancellationToken);
        }
    }

    private static ReadOnlySpan<byte> Piece(ReadOnlyMemory<byte> bytes, int from) =>
        bytes.Span.Slice(from, Math.Min(Bytes, bytes.Length - from));
}

/// <summary>The answer to one image: a mask, or an error.</summary>
/// <param name="Image">The image; null where the error ends the whole request.</param>
/// <param name="ContentType">Media type of the mask; null without a mask.</param>
/// <param name="Mask">The encoded mask, valid until the answer is written.</param>
/// <param name="Width">Width of the upright image, in pixels.</param>
/// <param name="Height">Height of the upright image, in pixels.</param>
/// <param name="LabelBits">Bits of a label where the mask is nothing but labels; else null.</param>
/// <param name="Failure">The error; null where there is a mask.</param>
internal sealed record BulkAnswer(
    BulkImage? Image, string? ContentType, ReadOnlyMemory<byte> Mask, int Width, int Height, int? LabelBits,
    SegmentationException? Failure)
{
    /// <summary>Where the mask was written; null for a mask that is part of the answer.</summary>
    public string? Output { get; init; }

    /// <summary>Whether the image keeps its place in the server until the answer is written.</summary>
    public bool KeepsPlace { get; init; }

    /// <summary>The answer to an image whose mask was there before and is kept.</summary>
    public static BulkAnswer Kept(BulkImage image, string output) =>
        new(image, ContentType: null, default, Width: 0, Height: 0, LabelBits: null, Failure: null) { Output = output };

    /// <summary>An answer without a mask.</summary>
    public static BulkAnswer Failed(BulkImage? image, SegmentationException failure) =>
        new(image, ContentType: null, default, Width: 0, Height: 0, LabelBits: null, failure);
}

/// <summary>One image of a request with many images.</summary>
/// <param name="Index">Position in the request, from 0.</param>
/// <param name="Name">Name of the file in the zip, or of the form's part.</param>
/// <param name="Bytes">The encoded image; the receiver disposes the buffer.</param>
/// <param name="Fault">Why the image could not be read; null where it could.</param>
internal sealed record BulkImage(int Index, string Name, PooledBufferWriter Bytes, SegmentationException? Fault = null);
