using System.Buffers;

namespace InferenceServer.Bulk;

/// <summary>How answers follow each other in a stream.</summary>
internal interface IBulkWriter
{
    /// <summary>Media type of the stream.</summary>
    string ContentType { get; }

    /// <summary>Writes one answer.</summary>
    void Write(BulkAnswer answer, IBufferWriter<byte> output);

    /// <summary>Writes that there are no more.</summary>
    /// <param name="output">Takes the bytes.</param>
    void Finish(IBufferWriter<byte> output);
}
