using System.Buffers;
using System.Globalization;
using System.Text;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Segment;

namespace InferenceServer.Dialects.Rembg;

/// <summary>One request: reads image and options from a form and the query, writes the object or its mask.</summary>
internal sealed class RembgExchange : IMaskEncoder
{
    private const int LongestField = 4096;
    private static readonly string[] Matting = ["a", "af", "ab", "ae"];
    private readonly HttpRequest _request;
    private bool _onlyMask;
    private bool _cleans;
    private byte[]? _background;

    /// <exception cref="SegmentationException">An option in the query is unknown, or its value is not allowed.</exception>
    public RembgExchange(HttpRequest request)
    {
        _request = request;
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in request.Query)
        {
            Set(name, values.ToString());
        }
    }

    /// <summary>The model's name; null where the request names none.</summary>
    public string? Model { get; private set; }

    /// <summary>The image's URL; null where the request has none.</summary>
    public string? Url { get; private set; }

    /// <summary>The answer's format.</summary>
    public MaskFormat Format => new("rembg", "image/png", ".png", this, "rembg's cutout or mask")
    {
        NeedsProbabilities = true,
        UsesImage = true,
    };

    /// <inheritdoc cref="ImageReader"/>
    public Task<PooledBufferWriter> ReadAsync(long maxBytes, Action<long> hold, CancellationToken cancellationToken) =>
        RequestImageReader.ReadFormAsync(_request, FieldAsync, maxBytes, hold, cancellationToken);

    public void Check(ClassTable classes, bool overlap, FormatSettings options) => Matte.Check(classes, overlap);

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        PngFile.Bytes(mask.Pixels, bands: 4, buffers: 5); // RGBA and its alpha

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        ReadOnlySpan<float> probabilities = content.Plane(Matte.Object);
        using PooledBuffer<byte> alpha = new(probabilities.Length);
        Matte.Quantize(probabilities, alpha.Span);
        if (_cleans)
        {
            MaskCleaning.Apply(alpha.Span, content.Size);
        }

        if (_onlyMask)
        {
            PngFile.Write(alpha.Span, content.Size, bands: 1, output);
        }
        else if (_background is null)
        {
            Matte.WriteCutout(content.Image.Span, alpha.Span, content.Size, output);
        }
        else
        {
            using PooledBuffer<byte> rgba = new(checked(probabilities.Length * 4));
            Blend(content.Image.Span, alpha.Span, _background, rgba.Span);
            PngFile.Write(rgba.Span, content.Size, bands: 4, output);
        }
    }

    // The object over the background, Porter and Duff's over, without premultiplication.
    private static void Blend(ReadOnlySpan<byte> image, ReadOnlySpan<byte> alpha, byte[] background, Span<byte> rgba)
    {
        for (int i = 0; i < alpha.Length; i++)
        {
            float own = alpha[i] / 255f, behind = (1 - own) * background[3] / 255f, all = own + behind;
            Span<byte> pixel = rgba.Slice(4 * i, 4);
            pixel.Clear();
            for (int c = 0; c < 3 && all > 0; c++)
            {
                pixel[c] = (byte)((((own * image[(3 * i) + c]) + (behind * background[c])) / all) + 0.5f);
            }

            pixel[3] = (byte)((all * 255) + 0.5f);
        }
    }

    private async Task<bool> FieldAsync(string? name, Stream body, CancellationToken cancellationToken)
    {
        if (name == "file")
        {
            return false;
        }

        using PooledBufferWriter text = await BodyReader.ReadAsync(
            body, null, LongestField, _ => { }, $"The field '{name}'", cancellationToken);
        Set(name ?? "", Encoding.UTF8.GetString(text.Written.Span));
        return true;
    }

    private void Set(string name, string value)
    {
        switch (name)
        {
            case "model":
                Model = value;
                break;
            case "url":
                Url = value;
                break;
            case "om":
                _onlyMask = Flag(name, value);
                break;
            case "ppm":
                _cleans = Flag(name, value);
                break;
            case "bgc":
                _background = Color(value);
                break;
            case "a" when !Flag(name, value):
                break; // what rembg does by default
            default:
                throw Invalid(Reason(name));
        }
    }

    private static string Reason(string name)
    {
        if (Matting.Contains(name))
        {
            return $"{name}: this server does no alpha matting; alpha is the network's probability. Leave a, af, ab and ae out.";
        }

        return $"Unknown option '{name}'. Expected file, url, model, om, ppm or bgc.";
    }

    private static bool Flag(string name, string value) => value.ToUpperInvariant() switch
    {
        "TRUE" or "1" or "ON" or "YES" => true,
        "FALSE" or "0" or "OFF" or "NO" => false,
        _ => throw Invalid($"{name}: expected true or false, got '{value}'."),
    };

    private static byte[]? Color(string text)
    {
        string[] numbers = text.Trim('(', ')', ' ').Split(',');
        byte[] color = new byte[4];
        bool fits = numbers.Length == color.Length;
        for (int i = 0; i < color.Length && fits; i++)
        {
            fits = byte.TryParse(numbers[i].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out color[i]);
        }

        return fits ? color : throw Invalid($"bgc: expected red,green,blue,alpha, each from 0 to 255, got '{text}'.");
    }

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}

/// <summary>rembg's post-processing of a mask: opens it with a cross of 3×3, blurs it with a Gaussian of 5×5 (σ = 2), and
/// thresholds it at 127.</summary>
/// <remarks>OpenCV's morphologyEx and GaussianBlur with its default borders: nothing beyond the border for the first,
/// mirrored without the border pixel for the second.</remarks>
internal static class MaskCleaning
{
    private static readonly float[] Gaussian = Kernel();

    /// <summary>Cleans a mask in place; every pixel becomes 0 or 255.</summary>
    /// <param name="mask">HW.</param>
    /// <param name="size">Width and height.</param>
    public static void Apply(Span<byte> mask, ImageSize size)
    {
        using PooledBuffer<byte> other = new(mask.Length);
        Morph(mask, other.Span, size, Math.Min);
        Morph(other.Span, mask, size, Math.Max);
        using PooledBuffer<float> rows = new(mask.Length);
        for (int y = 0; y < size.Height; y++)
        {
            ReadOnlySpan<byte> row = mask.Slice(y * size.Width, size.Width);
            for (int x = 0; x < size.Width; x++)
            {
                float sum = 0;
                for (int k = -2; k <= 2; k++)
                {
                    sum += Gaussian[k + 2] * row[Mirrored(x + k, size.Width)];
                }

                rows.Span[(y * size.Width) + x] = sum;
            }
        }

        for (int i = 0; i < mask.Length; i++)
        {
            float sum = 0;
            for (int k = -2; k <= 2; k++)
            {
                sum += Gaussian[k + 2] * rows.Span[(Mirrored((i / size.Width) + k, size.Height) * size.Width) + (i % size.Width)];
            }

            mask[i] = MathF.Round(sum) < 127 ? (byte)0 : byte.MaxValue;
        }
    }

    private static void Morph(ReadOnlySpan<byte> source, Span<byte> target, ImageSize size, Func<byte, byte, byte> choose)
    {
        for (int i = 0; i < source.Length; i++)
        {
            int x = i % size.Width;
            byte chosen = source[i];
            chosen = choose(chosen, source[x > 0 ? i - 1 : i]);
            chosen = choose(chosen, source[x < size.Width - 1 ? i + 1 : i]);
            chosen = choose(chosen, source[i >= size.Width ? i - size.Width : i]);
            target[i] = choose(chosen, source[i < source.Length - size.Width ? i + size.Width : i]);
        }
    }

    private static int Mirrored(int at, int length)
    {
        if (length == 1)
        {
            return 0;
        }

        int period = 2 * (length - 1), place = ((at % period) + period) % period;
        return Math.Min(place, period - place);
    }

    private static float[] Kernel()
    {
        double[] weights = [.. Enumerable.Range(-2, 5).Select(x => Math.Exp(-x * x / 8.0))];
        return [.. weights.Select(w => (float)(w / weights.Sum()))];
    }
}
