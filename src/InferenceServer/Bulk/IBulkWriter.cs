using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;

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
    private const int Bytes = 48 * 1024; // a multiple of three, so that base64 has padding only at the end

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
