namespace Vips.Tests;

internal static class Decode
{
    /// <summary>The whole road, as a server goes it: upright, sRGB, on white.</summary>
    public static byte[] ToRgb(ReadOnlyMemory<byte> encoded, out int width, out int height)
    {
        using VipsImage opened = VipsImage.OpenEncoded(encoded);
        using VipsImage upright = opened.AutoRotate();
        using VipsImage srgb = upright.ToSrgb();
        using VipsImage flat = srgb.FlattenAlpha(255, 255, 255);
        using VipsImage rgb = flat.ToRgb8();
        width = rgb.Width;
        height = rgb.Height;
        return Pixels(rgb);
    }

    public static byte[] Pixels(VipsImage image)
    {
        byte[] pixels = new byte[image.Width * image.Height * image.Bands];
        image.CopyPixelsTo(pixels);
        return pixels;
    }
}
