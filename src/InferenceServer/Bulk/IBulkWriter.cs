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
