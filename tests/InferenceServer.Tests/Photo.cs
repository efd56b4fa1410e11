using System.Net.Http.Headers;
using NetVips;

namespace InferenceServer.Tests;

/// <summary>Pictures whose masks are known, since the tiny models take the largest channel: red is class 0, green 1, blue 2.</summary>
internal static class Photo
{
    public const int Width = 48;
    public const int Height = 32;

    private static readonly byte[][] Colors = [[200, 40, 40], [40, 200, 40], [40, 40, 200]];

    /// <summary>The mask of <see cref="Png"/>: red above, green below on the left, blue below on the right.</summary>
    /// <remarks>Borders lie on a model's grid and colours are equally strong, so that bilinear scores part exactly there.</remarks>
    public static byte[] Labels { get; } = Draw(Width, Height, (x, y) => (byte)(y < Height / 2 ? 0 : x < Width / 2 ? 1 : 2));

    public static byte[] Png { get; } = Encode(Paint(Labels), Width, Height);

    /// <summary>The same with 16 bits.</summary>
    public static byte[] Deep
    {
        get
        {
            using Image image = Image.NewFromMemory(Paint(Labels), Width, Height, bands: 3, Enums.BandFormat.Uchar);
            return (image * 257).Cast(Enums.BandFormat.Ushort).Copy(interpretation: Enums.Interpretation.Rgb16).PngsaveBuffer();
        }
    }

    /// <summary>A picture of one colour.</summary>
    public static byte[] Plain(int width, int height, byte label = 1) => Encode(Paint(Draw(width, height, (_, _) => label)), width, height);

    /// <summary>A picture of known labels, row by row.</summary>
    public static byte[] Of(int width, int height, Func<int, int, byte> label) => Encode(Paint(Draw(width, height, label)), width, height);

    /// <summary>Noise, which no compression makes small: several kilobytes to cut and to send.</summary>
    public static byte[] Noise(bool jpeg, int width = Width, int height = Height)
    {
        byte[] rgb = new byte[width * height * 3];
        new Random(3).NextBytes(rgb);
        return Encode(rgb, width, height, jpeg);
    }

    public static HttpContent Content(byte[] bytes, string? type = "image/png") => new ByteArrayContent(bytes)
    {
        Headers = { ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type) },
    };

    /// <summary>The colour that stands for a class in these pictures.</summary>
    public static byte[] Color(byte label) => Colors[label];

    private static byte[] Paint(byte[] labels) => [.. labels.SelectMany(Color)];

    private static byte[] Draw(int width, int height, Func<int, int, byte> label) =>
        [.. from y in Enumerable.Range(0, height) from x in Enumerable.Range(0, width) select label(x, y)];

    private static byte[] Encode(byte[] rgb, int width, int height, bool jpeg = false)
    {
        using Image image = Image.NewFromMemory(rgb, width, height, bands: 3, Enums.BandFormat.Uchar);
        return jpeg ? image.JpegsaveBuffer(q: 95) : image.PngsaveBuffer(compression: 1);
    }
}
