using System.Buffers;
using InferenceServer.Kernels;
using Vips;

namespace InferenceServer.Runtime.Tests.Passes;

/// <summary>Painted photographs.</summary>
internal static class Photo
{
    /// <summary>A PNG whose colours are told by column and row.</summary>
    public static byte[] Png(ImageSize size, Func<int, int, (byte Red, byte Green, byte Blue)> color)
    {
        byte[] rgb = new byte[size.Pixels * 3];
        for (int i = 0; i < rgb.Length; i += 3)
        {
            (rgb[i], rgb[i + 1], rgb[i + 2]) = color(i / 3 % size.Width, i / 3 / size.Width);
        }

        ArrayBufferWriter<byte> output = new();
        using VipsImage image = VipsImage.FromPixels(rgb, size.Width, size.Height, bands: 3);
        image.EncodePng(output, compression: 1);
        return output.WrittenSpan.ToArray();
    }
}
