using System.Buffers;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Formats;

/// <summary>Writes a mask in one format.</summary>
internal interface IMaskEncoder
{
    /// <summary>Writes the whole mask.</summary>
    /// <param name="content">The mask, its classes and its image.</param>
    /// <param name="options">The request's choices; a format ignores those that it does not use.</param>
    /// <param name="output">Receives the bytes.</param>
    /// <exception cref="SegmentationException">The format cannot hold this mask.</exception>
    void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output);
}

/// <summary>What an encoder can write: the label map, its scores, the classes and the image.</summary>
internal sealed record MaskContent
{
    /// <summary>Name of the model that made the mask.</summary>
    public required string Model { get; init; }

    /// <summary>Version of the model that made the mask.</summary>
    public required int Version { get; init; }

    /// <summary>Names and colours of the classes.</summary>
    public required ClassTable Classes { get; init; }

    /// <summary>Number of channels in <see cref="Probabilities"/>.</summary>
    public required int Channels { get; init; }

    /// <summary>Size of the mask and of the upright image.</summary>
    public required ImageSize Size { get; init; }

    /// <summary>HW: the class index of each pixel.</summary>
    public required ReadOnlyMemory<byte> Labels { get; init; }

    /// <summary>HW: the probability of each pixel's class × 255. Empty where the request did not ask for
    /// confidences.</summary>
    public required ReadOnlyMemory<byte> Confidence { get; init; }

    /// <summary>CHW: the probability of each class at each pixel. Empty where the request did not ask for
    /// probabilities.</summary>
    public required ReadOnlyMemory<float> Probabilities { get; init; }

    /// <summary>HWC, RGB: the decoded, upright image.</summary>
    public required ReadOnlyMemory<byte> Image { get; init; }
}
