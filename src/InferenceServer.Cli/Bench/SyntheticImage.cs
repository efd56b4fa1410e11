using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using NetVips;

namespace InferenceServer.Cli.Bench;

/// <summary>A synthetic image that a decoder decodes about as fast as a real image: smooth shading with fine noise, the
/// same in every run.</summary>
internal static class SyntheticImage
{
    public const int MaxSide = 16384;
    private const int Quality = 90;
    private const int NoiseLevels = 24;

    /// <summary>Draws the image that a model takes: a JPEG, or a TIFF of 16 bits for a network of bands.</summary>
    /// <returns>The bytes, and what they are in words.</returns>
    public static (byte[] Bytes, string Description) For(LoadedModel model, ImageSize size)
    {
        if (!model.Preprocessor.TakesBands)
        {
            return (Jpeg(size), $"synthetic JPEG of {size.Width}x{size.Height} pixels");
        }

        PreprocessManifest preprocess = model.Manifest.Preprocess;
        int bands = preprocess.Bands?.Max(band => band.Index) ?? preprocess.Mean.Count;
        return (Tiff(size, bands), $"synthetic TIFF of {bands} bands of 16 bits, {size.Width}x{size.Height} pixels");
    }

    private static byte[] Tiff(ImageSize size, int bands)
    {
        ushort[] samples = new ushort[size.Pixels * bands];
        Random random = new(1);
        for (int i = 0; i < samples.Length; i++)
        {
            (int pixel, int band) = (i / bands, i % bands);
            (double x, double y) = ((double)(pixel % size.Width) / size.Width, (double)(pixel / size.Width) / size.Height);
            samples[i] = (ushort)(3000 + (2000 * Math.Sin(band + (6 * (x + y)))) + random.Next(NoiseLevels));
        }

        using Image memory = Image.NewFromMemory(samples, size.Width, size.Height, bands, Enums.BandFormat.Ushort);
        using Image image = memory.Copy(interpretation: Enums.Interpretation.Multiband);
        return image.TiffsaveBuffer();
    }

    private static byte[] Jpeg(ImageSize size)
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
