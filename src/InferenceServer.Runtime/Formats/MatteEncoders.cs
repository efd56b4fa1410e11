using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Formats;

/// <summary>Grey PNG of one class's probability, 8 or 16 bits.</summary>
internal sealed class ProbabilityPngEncoder : IMaskEncoder
{
    public void Check(ClassTable classes, bool overlap, FormatSettings options) => IndexOf(classes, options.Class);

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) => Matte.Bytes(mask.Pixels, options.Bits);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output) =>
        Write(content, IndexOf(content.Classes, options.Class), options.Bits, output);

    /// <summary>Writes the probability of a class × 255, or × 65535.</summary>
    public static void Write(MaskContent content, int index, int bits, IBufferWriter<byte> output)
    {
        ReadOnlySpan<float> probabilities = content.Plane(index);
        using PooledBuffer<byte> samples = new(checked(probabilities.Length * (bits / 8)));
        if (bits == 8)
        {
            Matte.Quantize(probabilities, samples.Span);
            PngFile.Write(samples.Span, content.Size, bands: 1, output);
            return;
        }

        Span<ushort> wide = MemoryMarshal.Cast<byte, ushort>(samples.Span);
        for (int i = 0; i < wide.Length; i++)
        {
            ushort value = (ushort)((probabilities[i] * ushort.MaxValue) + 0.5f);
            wide[i] = BinaryPrimitives.ReverseEndianness(value); // PNG has the high byte first
        }

        PngFile.Write(samples.Span, content.Size, bands: 1, output, sizeof(ushort));
    }

    private static int IndexOf(ClassTable classes, string? wanted)
    {
        int index = classes.Names.ToList().IndexOf(wanted ?? "");
        if (index >= 0)
        {
            return index;
        }

        bool isIndex = int.TryParse(wanted, NumberStyles.None, CultureInfo.InvariantCulture, out index);
        if (isIndex && index < classes.Names.Count)
        {
            return index;
        }

        throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"class: expected the name or the index of a class, got '{wanted}'. The classes are: {string.Join(", ", classes.Names)}.");
    }
}

/// <summary>Grey PNG of the probability of the second of two classes.</summary>
internal sealed class AlphaPngEncoder : IMaskEncoder
{
    public void Check(ClassTable classes, bool overlap, FormatSettings options) => Matte.Check(classes, overlap);

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) => Matte.Bytes(mask.Pixels, options.Bits);

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output) =>
        ProbabilityPngEncoder.Write(content, Matte.Object, options.Bits, output);
}

/// <summary>The image as RGBA PNG, whose alpha is the probability of the second of two classes; or as RGB PNG over a
/// colour or another image.</summary>
internal sealed class CutoutEncoder : IMaskEncoder
{
    public void Check(ClassTable classes, bool overlap, FormatSettings options)
    {
        Matte.Check(classes, overlap);
        if (options.Background is not null && !options.BackgroundImage.IsEmpty)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                "background: expected a colour or an image, got both. Leave out the parameter or the form's part.");
        }
    }

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        PngFile.Bytes(mask.Pixels, bands: 4, buffers: 5); // RGBA and its alpha

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ReadOnlySpan<float> alpha = content.Plane(Matte.Object);
        ReadOnlySpan<byte> image = content.Image.Span;
        ReadOnlySpan<byte> behind = content.Background.Span;
        if (options.Background is null && behind.IsEmpty)
        {
            using PooledBuffer<byte> opacity = new(alpha.Length);
            Matte.Quantize(alpha, opacity.Span);
            Matte.WriteCutout(image, opacity.Span, content.Size, output);
            return;
        }

        (byte red, byte green, byte blue) = options.Background.GetValueOrDefault();
        ReadOnlySpan<byte> color = [red, green, blue];
        using PooledBuffer<byte> rgb = new(image.Length);
        for (int i = 0; i < alpha.Length; i++)
        {
            Span<byte> pixel = rgb.Span.Slice(3 * i, 3);
            ReadOnlySpan<byte> own = image.Slice(3 * i, 3), other = color;
            if (!behind.IsEmpty)
            {
                other = behind.Slice(3 * i, 3);
            }

            for (int c = 0; c < 3; c++)
            {
                pixel[c] = (byte)(other[c] + (alpha[i] * (own[c] - other[c])) + 0.5f);
            }
        }

        PngFile.Write(rgb.Span, content.Size, bands: 3, output);
    }
}

/// <summary>What mattes share: masks of two classes, of which the second is the object.</summary>
internal static class Matte
{
    /// <summary>Index of the object's class.</summary>
    public const int Object = 1;

    /// <summary>What a grey PNG of probabilities takes: its samples, and a file that is hardly smaller.</summary>
    public static EncodingBytes Bytes(long pixels, int bits) => new(pixels * bits / 8, pixels * bits / 8);

    /// <summary>Checks that a model has two classes, one for each pixel.</summary>
    /// <exception cref="SegmentationException">The model has other classes.</exception>
    public static void Check(ClassTable classes, bool overlap)
    {
        if (classes.Names.Count != 2 || overlap)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"Expected a model of two classes, background and object, got one of {classes.Names.Count}: " +
                $"{string.Join(", ", classes.Names.Take(8))}. Request format=probability&class=NAME for one class.");
        }
    }

    /// <summary>Rounds probabilities × 255.</summary>
    public static void Quantize(ReadOnlySpan<float> probabilities, Span<byte> samples)
    {
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = (byte)((probabilities[i] * byte.MaxValue) + 0.5f);
        }
    }

    /// <summary>Writes an RGBA PNG. Invisible pixels are black, so that the file does not hold what was cut
    /// away.</summary>
    /// <param name="image">HWC, RGB.</param>
    /// <param name="alpha">HW: 0 to 255.</param>
    /// <param name="size">Size of both.</param>
    /// <param name="output">Receives the file.</param>
    public static void WriteCutout(ReadOnlySpan<byte> image, ReadOnlySpan<byte> alpha, ImageSize size, IBufferWriter<byte> output)
    {
        using PooledBuffer<byte> rgba = new(checked(alpha.Length * 4));
        Span<byte> pixels = rgba.Span;
        for (int i = 0; i < alpha.Length; i++)
        {
            Span<byte> pixel = pixels.Slice(4 * i, 4);
            pixel.Clear();
            if (alpha[i] != 0)
            {
                image.Slice(3 * i, 3).CopyTo(pixel);
                pixel[3] = alpha[i];
            }
        }

        PngFile.Write(pixels, size, bands: 4, output);
    }
}
