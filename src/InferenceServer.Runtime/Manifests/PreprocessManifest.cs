using System.Text.Json;
using System.Text.Json.Serialization;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Normalisation (x·scale − mean) / std, resize policy, legal sizes and padding.</summary>
internal sealed record PreprocessManifest
{
    /// <summary>Channel order of the network.</summary>
    public required ChannelOrder Color { get; init; }

    /// <summary>Multiplied with the 8-bit values first: 1/255, or 1 where mean and std are in 0 to 255.</summary>
    public required float Scale { get; init; }

    /// <summary>Three means, in the network's channel order.</summary>
    public required IReadOnlyList<float> Mean { get; init; }

    /// <summary>Three standard deviations, in the network's channel order.</summary>
    public required IReadOnlyList<float> Std { get; init; }

    /// <summary>How images are resized for the network.</summary>
    public required ResizeManifest Resize { get; init; }

    /// <summary>The heights and widths that the network takes.</summary>
    public required SizeManifest Size { get; init; }

    /// <summary>How an image is padded to a legal size.</summary>
    public required PadManifest Pad { get; init; }
}

/// <summary>Legal heights and widths are multiple·k + offset.</summary>
internal sealed record SizeManifest
{
    /// <summary>The step between legal sizes; 1 where every size is legal.</summary>
    public required int Multiple { get; init; }

    /// <summary>Added to the multiples: 1 for PSPNet's 8k+1.</summary>
    public int Offset { get; init; }

    /// <summary>A larger step that inputs are padded to, so that images of different sizes share a batch. Only for
    /// graphs whose result inside the image does not change with padding outside. Null uses the server's
    /// options.</summary>
    public int? Bucket { get; init; }

    /// <summary>[height, width] of a graph that takes one size only.</summary>
    public IReadOnlyList<int>? Fixed { get; init; }

    /// <summary>Smallest side; smaller images are padded to this side.</summary>
    public int Min { get; init; } = 32;
}

/// <summary>How images are resized.</summary>
internal sealed record ResizeManifest
{
    /// <summary>The rule.</summary>
    public required ResizeMode Mode { get; init; }

    /// <summary>A side in pixels, or [height, width] where the mode is exact.</summary>
    [JsonConverter(typeof(SidesConverter))]
    public IReadOnlyList<int>? Size { get; init; }

    /// <summary>Interpolation.</summary>
    public required ResizeFilter Filter { get; init; }

    /// <summary>True: as in Pillow (the kernel widens when an image shrinks). False: as in OpenCV (the kernel does not
    /// widen).</summary>
    public required bool Antialias { get; init; }

    /// <summary>Larger inputs shrink to this many pixels and keep their aspect ratio. Default 4 194 304.</summary>
    public long MaxPixels { get; init; } = 4_194_304;
}

/// <summary>The rule from an image's size to the network's input size.</summary>
internal enum ResizeMode
{
    /// <summary>The image's own size.</summary>
    None,

    /// <summary>The short side becomes <c>size</c>; the long side keeps the ratio and is truncated to a whole number,
    /// as in torchvision.</summary>
    ShortSide,

    /// <summary>The long side becomes <c>size</c>; the short side keeps the ratio and is rounded.</summary>
    LongSide,

    /// <summary>Both sides become <c>size</c>, whatever the ratio.</summary>
    Exact,

    /// <summary>As <see cref="LongSide"/>, then padded to a square of <c>size</c>.</summary>
    LongSidePad,
}

/// <summary>How an image is padded to a legal size.</summary>
internal sealed record PadManifest
{
    /// <summary>The padded sides.</summary>
    public PadPosition Where { get; init; } = PadPosition.BottomRight;

    /// <summary>The value of the padding.</summary>
    public PadValue Value { get; init; } = PadValue.Mean;
}

/// <summary>The sides of an image that are padded.</summary>
internal enum PadPosition
{
    /// <summary>Below and to the right; the image stays at the origin.</summary>
    BottomRight,

    /// <summary>Half of the padding (rounded down) above and to the left, as in semseg's tests.</summary>
    Center,
}

/// <summary>The value of the padding.</summary>
internal enum PadValue
{
    /// <summary>The mean colour, which is 0 after normalisation.</summary>
    Mean,

    /// <summary>Black before normalisation.</summary>
    Zero,
}

/// <summary>Reads <c>520</c> as one side and <c>[360, 480]</c> as height and width.</summary>
internal sealed class SidesConverter : JsonConverter<IReadOnlyList<int>?>
{
    // Parsed by hand: a nested deserialisation would lose the path that error messages name.
    public override IReadOnlyList<int>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return [Side(ref reader)];
        }

        List<int> sides = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            sides.Add(Side(ref reader));
        }

        return sides;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<int>? value, JsonSerializerOptions options)
    {
        if (value is [int side])
        {
            writer.WriteNumberValue(side);
        }
        else
        {
            JsonSerializer.Serialize(writer, value, options);
        }
    }

    private static int Side(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int side))
        {
            return side;
        }

        throw new JsonException();
    }
}
