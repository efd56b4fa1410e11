using InferenceServer.Kernels;
using NetVips;

namespace InferenceServer.Runtime.Tests.Passes;

/// <summary>Painted images.</summary>
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

        using Image image = Image.NewFromMemory(rgb, size.Width, size.Height, bands: 3, Enums.BandFormat.Uchar);
        return image.PngsaveBuffer(compression: 1);
    }
}
