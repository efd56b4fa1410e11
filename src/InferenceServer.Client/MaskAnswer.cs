namespace InferenceServer.Client;

/// <summary>A mask as it came.</summary>
public sealed record MaskAnswer
{
    /// <summary>The mask in the format that was asked for; of <c>raw</c>, one byte a pixel, row by row.</summary>
    public required byte[] Bytes { get; init; }

    /// <summary>Media type of <see cref="Bytes"/>.</summary>
    public required string ContentType { get; init; }

    /// <summary>The model that answered.</summary>
    public required string Model { get; init; }

    /// <summary>Its version.</summary>
    public required int Version { get; init; }

    /// <summary>Width of the upright photograph, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the upright photograph, in pixels.</summary>
    public required int Height { get; init; }
}
