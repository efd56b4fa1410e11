using InferenceServer.Runtime;

namespace InferenceServer.OpenInference;

/// <summary>What a request can be made of. A piece that has two bytes on the wire takes hundreds in memory, so pieces are counted while they are read.</summary>
internal static class InferLimits
{
    /// <summary>Inputs, or outputs that are asked for; models have one of each.</summary>
    public const int Tensors = 16;

    /// <summary>Sides of a shape.</summary>
    public const int Sides = 8;

    /// <summary>Parameters of a request, or of one of its tensors.</summary>
    public const int Parameters = 64;

    /// <summary>Elements of <c>BYTES</c>: as many as the images that a manifest can allow in a request.</summary>
    public const int Elements = 1024;

    /// <summary>Bytes of a name or another text.</summary>
    public const int TextBytes = 1024;

    /// <exception cref="SegmentationException">There are more than <paramref name="most"/>.</exception>
    public static void Check(int count, int most, string what)
    {
        if (count > most)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, $"{what}: at most {most:N0} are taken.");
        }
    }
}
