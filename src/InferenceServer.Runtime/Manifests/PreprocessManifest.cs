using System.Text.Json;
using System.Text.Json.Serialization;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Normalisation (x·scale − mean) / std, resize policy, legal sizes and padding.</summary>
internal sealed record PreprocessManifest
{
    /// <summary>Most channels of a network's input.</summary>
    public const int MostChannels = 64;

    /// <summary>Channel order of the network; gray for a network of one channel, bands for a network whose channels are
    /// bands of a raster.</summary>
    public required ChannelOrder Color { get; init; }

    /// <summary>What the pixels are multiplied with. Null: <see cref="Scale"/>.</summary>
    public PixelNormalization? Normalize { get; init; }

    /// <summary>Multiplied with the 8-bit values first: 1/255, or 1 where mean and std are in 0 to 255. Null only with
    /// <see cref="PixelNormalization.ImageMax"/>.</summary>
    public float? Scale { get; init; }

    /// <summary>A mean for each of the network's channels, in their order.</summary>
    public required IReadOnlyList<float> Mean { get; init; }

    /// <summary>A standard deviation for each of the network's channels, in their order.</summary>
    public required IReadOnlyList<float> Std { get; init; }

    /// <summary>The bands of the file that the network sees, in the order of its channels. Null: all of them.</summary>
    [JsonConverter(typeof(BandsConverter))]
    public IReadOnlyList<BandManifest>? Bands { get; init; }

    /// <summary>Steps that come before scale, mean and std: one list for all bands, or one for each. Colours become 0 to
    /// 1 by them.</summary>
    [JsonConverter(typeof(ValueScalingConverter))]
    public IReadOnlyList<IReadOnlyList<ValueScaling>>? ValueScaling { get; init; }

    /// <summary>The value of pixels without data.</summary>
    public NodataManifest? Nodata { get; init; }

    /// <summary>The value that the network sees for pixels without data, in the file's units. Null: the mean.</summary>
    public float? NodataFill { get; init; }

    /// <summary>Colours for people and for the CRF, where the bands are none.</summary>
    public ViewManifest? View { get; init; }

    /// <summary>Metres on the ground that a pixel of the network's input covers: images are resized to it. Null: the network
    /// takes every resolution.</summary>
    public double? Resolution { get; init; }

    /// <summary>How images are resized for the network.</summary>
    public required ResizeManifest Resize { get; init; }

    /// <summary>The heights and widths that the network takes.</summary>
    public required SizeManifest Size { get; init; }

    /// <summary>How an image is padded to a legal size.</summary>
    public required PadManifest Pad { get; init; }

    /// <summary>The sizes inside a border that is added to the input: what is left for the image.</summary>
    /// <param name="rows">Rows of the border, above and below.</param>
    /// <param name="columns">Columns of the border, left and right.</param>
    public PreprocessManifest Inside(int rows, int columns)
    {
        if (rows == 0 && columns == 0)
        {
            return this;
        }

        IReadOnlyList<int>? only = Size.Fixed is [int height, int width] ? [height - (2 * rows), width - (2 * columns)] : null;
        IReadOnlyList<int>? resized = Resize.Size;
        if (only is not null && resized is not null)
        {
            resized = Resize.Mode == ResizeMode.Exact ? only : [Math.Min(resized[0], only.Min())];
        }

        int cut = 2 * Math.Min(rows, columns), multiple = Size.Multiple;
        return this with
        {
            Resize = Resize with { Size = resized },
            Size = Size with
            {
                Fixed = only,
                Offset = (((Size.Offset - cut) % multiple) + multiple) % multiple,
                // A mirrored border is narrower than the image.
                Min = Math.Max(Size.Min - cut, Math.Max(rows, columns) + 1),
            },
        };
    }

    /// <summary>A value of a channel as the network sees it.</summary>
    /// <param name="channel">The channel of the network.</param>
    /// <param name="value">The value in 8-bit steps.</param>
    public float Normalized(int channel, float value)
    {
        int at = Math.Min(channel, Mean.Count - 1);
        return ((value * (Scale ?? 1f / byte.MaxValue)) - Mean[at]) / Std[at];
    }
}

/// <summary>What the pixels are multiplied with before mean and std.</summary>
internal enum PixelNormalization
{
    /// <summary>The manifest's scale.</summary>
    None,

    /// <summary>The pixels are divided by the largest value of the resized image, over all channels, as for
    /// U²-Net.</summary>
    ImageMax,
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
    /// <summary>The default of <see cref="MaxPixels"/>.</summary>
    public const long UsualMaxPixels = 4_194_304;

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
    public long MaxPixels { get; init; } = UsualMaxPixels;
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

/// <summary>The value of the padding: the mean colour, or a colour in 8-bit steps before normalisation.</summary>
[JsonConverter(typeof(PadValueConverter))]
internal sealed class PadValue
{
    private PadValue(IReadOnlyList<float> steps) => Steps = steps;

    /// <summary>The mean colour, which is 0 after normalisation.</summary>
    public static PadValue Mean { get; } = new([]);

    /// <summary>Black before normalisation.</summary>
    public static PadValue Zero { get; } = new([0]);

    /// <summary>One value of 0 to 255 for all channels, or one for each channel; none for the mean.</summary>
    public IReadOnlyList<float> Steps { get; }

    /// <summary>A colour in 8-bit steps.</summary>
    public static PadValue Color(IReadOnlyList<float> steps) => new(steps);

    /// <summary>The value of one channel; null for the channel's mean.</summary>
    public float? At(int channel)
    {
        if (Steps.Count == 0)
        {
            return null;
        }

        return Steps[Math.Min(channel, Steps.Count - 1)];
    }
}

/// <summary>Reads <c>"mean"</c>, <c>"zero"</c>, <c>114</c> and <c>[124, 116, 104]</c>.</summary>
internal sealed class PadValueConverter : JsonConverter<PadValue>
{
    public override PadValue Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString()!.ToLowerInvariant() switch
            {
                "mean" => PadValue.Mean,
                "zero" => PadValue.Zero,
                _ => throw Unexpected(),
            };
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return PadValue.Color([Step(ref reader)]);
        }

        List<float> steps = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            steps.Add(Step(ref reader));
        }

        if (steps.Count == 0)
        {
            throw Unexpected();
        }

        return PadValue.Color(steps);
    }

    public override void Write(Utf8JsonWriter writer, PadValue value, JsonSerializerOptions options)
    {
        if (value == PadValue.Mean)
        {
            writer.WriteStringValue("mean");
        }
        else if (value == PadValue.Zero)
        {
            writer.WriteStringValue("zero");
        }
        else if (value.Steps is [float step])
        {
            writer.WriteNumberValue(step);
        }
        else
        {
            JsonSerializer.Serialize(writer, value.Steps, options);
        }
    }

    private static float Step(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetSingle(out float step) && step is >= 0 and <= 255)
        {
            return step;
        }

        throw Unexpected();
    }

    private static JsonException Unexpected() =>
        new("expected \"mean\", \"zero\", a number of 0 to 255, or a list of such numbers, one for each channel");
}

/// <summary>Reads <c>520</c> as one number and <c>[360, 480]</c> as several.</summary>
internal abstract class OneOrManyConverter<T> : JsonConverter<IReadOnlyList<T>?>
    where T : struct
{
    // Parsed by hand: a nested deserialisation would lose the path that error messages name.
    public override IReadOnlyList<T>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return [Number(ref reader)];
        }

        List<T> numbers = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            numbers.Add(Number(ref reader));
        }

        return numbers;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<T>? value, JsonSerializerOptions options)
    {
        if (value is [var number])
        {
            JsonSerializer.Serialize(writer, number, options);
        }
        else
        {
            JsonSerializer.Serialize(writer, value, options);
        }
    }

    /// <summary>Reads one number.</summary>
    /// <exception cref="JsonException">The token is no such number.</exception>
    protected abstract T Number(ref Utf8JsonReader reader);
}

/// <summary>Sides in pixels.</summary>
internal sealed class SidesConverter : OneOrManyConverter<int>
{
    protected override int Number(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int side))
        {
            return side;
        }

        throw new JsonException();
    }
}
