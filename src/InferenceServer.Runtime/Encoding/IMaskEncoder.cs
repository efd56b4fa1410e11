using System.Buffers;

namespace InferenceServer.Runtime.Encoding;

/// <summary>Writes a result in one format.</summary>
internal interface IMaskEncoder
{
    /// <summary>Media type of what is written.</summary>
    string ContentType { get; }

    /// <summary>Writes <paramref name="result"/> whole.</summary>
    void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output);
}
