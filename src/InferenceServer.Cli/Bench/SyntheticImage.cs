using InferenceServer.Kernels;
using NetVips;

namespace InferenceServer.Cli.Bench;

/// <summary>A synthetic image that a JPEG decoder decodes about as fast as a real image: smooth shading with fine
/// noise, the same in every run.</summary>
internal static class SyntheticImage
{
    public const int MaxSide = 16384;
    private const int Quality = 90;
    private const int NoiseLevels = 24;

    /// <summary>Draws the image and encodes it.</summary>
    public static byte[] Jpeg(ImageSize size)
    {
        byte[] rgb = new byte[size.Pixels * 3];
        Random random = new(1);
        for (int i = 0; i < size.Pixels; i++)
        {
            (double x, double y) = ((double)(i % size.Width) / size.Width, (double)(i / size.Width) / size.Height);
            int noise = random.Next(NoiseLevels);
            rgb[3 * i] = (byte)((200 * x) + noise);
            rgb[(3 * i) + 1] = (byte)((200 * y) + noise);
            rgb[(3 * i) + 2] = (byte)(100 + (100 * Math.Sin(6 * (x + y))) + noise);
        }

        using Image image = Image.NewFromMemory(rgb, size.Width, size.Height, bands: 3, Enums.BandFormat.Uchar);
        return image.JpegsaveBuffer(q: Quality);
    }
}
