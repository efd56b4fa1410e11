using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;

namespace InferenceServer.Bulk;

/// <summary>How answers follow each other in a stream.</summary>
internal interface IBulkWriter
{
    /// <summary>Media type of the stream.</summary>
    string ContentType { get; }

    /// <summary>Writes one answer, in pieces: the stream never holds a mask once more.</summary>
    Task WriteAsync(BulkAnswer answer, PipeWriter output, CancellationToken cancellationToken);

    /// <summary>Writes that there are no more.</summary>
    /// <param name="output">Takes the bytes.</param>
    void Finish(PipeWriter output);
}

/// <summary>Writes what is large a little at a time, each piece once the one before it has gone.</summary>
internal static class Pieces
{
    private const int Bytes = 48 * 1024; // a multiple of three, so that base64 needs no filling between pieces

    /// <summary>Writes bytes as they are.</summary>
    public static async Task WritePiecesAsync(this PipeWriter output, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        for (int done = 0; done < bytes.Length; done += Bytes)
        {
            output.Write(Piece(bytes, done));
            await output.FlushAsync(cancellationToken);
        }
    }

    /// <summary>Writes bytes as base64.</summary>
    public static async Task WriteBase64Async(this PipeWriter output, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        for (int done = 0; done < bytes.Length; done += Bytes)
        {
            Base64.EncodeToUtf8(Piece(bytes, done), output.GetSpan(Base64.GetMaxEncodedToUtf8Length(Bytes)), out _, out int written);
            output.Advance(written);
            await output.FlushAsync(cancellationToken);
        }
    }

    private static ReadOnlySpan<byte> Piece(ReadOnlyMemory<byte> bytes, int from) => bytes.Span.Slice(from, Math.Min(Bytes, bytes.Length - from));
}
