using System.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>Writes a result in one format.</summary>
public interface IMaskEncoder
{
    /// <summary>Media type of what is written.</summary>
    string ContentType { get; }

    /// <summary>Writes <paramref name="result"/> whole.</summary>
    /// <exception cref="SegmentationException">The format cannot hold it.</exception>
    void Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output);
}
