namespace Vips.Tests;

/// <summary>The files that tests/assets/make_images.py made, and the picture that nearly all of them show.</summary>
internal static class Assets
{
    public const int Width = 40;
    public const int Height = 30;

    /// <summary>HWC, upright.</summary>
    public static byte[] Picture { get; } = Draw();

    public static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "images", name));

    public static byte Luminance(int red, int green, int blue) => (byte)(((red * 299) + (green * 587) + (blue * 114) + 500) / 1000);

    public static byte[] GreyPicture()
    {
        byte[] grey = new byte[Width * Height];
        for (int i = 0; i < grey.Length; i++)
        {
            grey[i] = Luminance(Picture[3 * i], Picture[(3 * i) + 1], Picture[(3 * i) + 2]);
        }
        return grey;
    }

    private static byte[] Draw()
    {
        byte[] rgb = new byte[Width * Height * 3];
        rgb.AsSpan().Fill(255);
        Fill(rgb, 2, 2, 19, 14, 200, 30, 30);
        Fill(rgb, 21, 2, 38, 14, 30, 160, 40);
        Fill(rgb, 21, 16, 38, 28, 30, 50, 200);
        Fill(rgb, 2, 16, 19, 28, 220, 200, 40);
        Fill(rgb, 4, 4, 12, 12, 0, 0, 0);
        return rgb;
    }

    private static void Fill(byte[] rgb, int left, int top, int right, int bottom, byte red, byte green, byte blue)
    {
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
            {
                int pixel = ((y * Width) + x) * 3;
                rgb[pixel] = red;
                rgb[pixel + 1] = green;
                rgb[pixel + 2] = blue;
            }
        }
    }
}
