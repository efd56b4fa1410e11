using Vips.Interop;

namespace Vips;

// Operations return the image itself, under a second handle, when there is nothing to do: even an idle operation costs a copy of each pixel.
public sealed partial class VipsImage
{
    private const int IntentPerceptual = 0;   // VipsIntent

    /// <summary>Turns and mirrors the picture upright, as <see cref="Orientation"/> says.</summary>
    /// <remarks>
    /// Lazy for orientations 1 and 2. The other six read the picture in an order in which no file can be decoded, so for those the
    /// whole picture is decoded into memory here.
    /// </remarks>
    /// <exception cref="VipsException">The pixels cannot be decoded.</exception>
    public VipsImage AutoRotate()
    {
        int orientation = Orientation;
        if (orientation == 1)
        {
            return Share();
        }
        using VipsImage readable = orientation == 2 ? Share() : new(NativeMethods.CopyToMemory(this));
        using VipsOperation rotate = new("autorot");
        return rotate.Set("in", readable).ToImage();
    }

    /// <summary>Converts to 8-bit sRGB, through the embedded ICC profile if there is one. Alpha is kept.</summary>
    /// <remarks>
    /// Without a profile, or with one that does not fit the picture, the numbers are taken at their face value: RGB as sRGB, CMYK as a
    /// common offset press.
    /// </remarks>
    /// <exception cref="VipsException">The bands have no meaning as colour.</exception>
    public VipsImage ToSrgb()
    {
        if (HasColorProfile && TransformByProfile() is { } transformed)
        {
            return transformed;
        }
        if (IsSrgb8)
        {
            return Share();
        }
        using VipsOperation convert = new("colourspace");
        return convert.Set("in", this).Set("space", (int)VipsInterpretation.Srgb).ToImage();
    }

    /// <summary>Lays the picture on a background of one colour, and drops the alpha band. Converts to 8-bit sRGB first if need be.</summary>
    /// <param name="red">Background, 0 to 255.</param>
    /// <param name="green">Background, 0 to 255.</param>
    /// <param name="blue">Background, 0 to 255.</param>
    /// <exception cref="VipsException">The bands have no meaning as colour.</exception>
    public VipsImage FlattenAlpha(byte red, byte green, byte blue)
    {
        if (!HasAlpha)
        {
            return Share();
        }
        using VipsImage color = IsSrgb8 ? Share() : ToSrgb();
        using VipsOperation flatten = new("flatten");
        return flatten.Set("in", color).Set("background", [red, green, blue]).ToImage();
    }

    /// <summary>Makes exactly three bands of 8 bits: further bands are dropped, a single one is repeated, 16 bits keep the upper 8.</summary>
    /// <remarks>Colours are left alone; <see cref="ToSrgb"/> and <see cref="FlattenAlpha"/> come first.</remarks>
    public VipsImage ToRgb8()
    {
        using VipsImage bytes = ToBytes();
        return bytes.Bands switch
        {
            3 => bytes.Share(),
            > 3 => bytes.TakeBands(3),
            _ => bytes.RepeatFirstBand(),
        };
    }

    private VipsImage? TransformByProfile()
    {
        using VipsOperation transform = new("icc_transform");
        transform.Set("in", this).Set("output-profile", "srgb").Set("embedded", true).Set("intent", IntentPerceptual);
        if (Interpretation == VipsInterpretation.Cmyk)
        {
            transform.Set("input-profile", "cmyk");   // for an embedded profile that is broken
        }
        try
        {
            return transform.ToImage();
        }
        catch (VipsException)
        {
            return null;   // a bad profile should not cost the user the picture
        }
    }

    private VipsImage ToBytes()
    {
        VipsBandFormat format = Format;
        if (format == VipsBandFormat.Byte)
        {
            return Share();
        }
        using VipsOperation cast = new("cast");
        return cast
            .Set("in", this)
            .Set("format", (int)VipsBandFormat.Byte)
            .Set("shift", format == VipsBandFormat.UInt16)   // 65535 becomes 255, where a plain cast would clip
            .ToImage();
    }

    private VipsImage TakeBands(int count)
    {
        using VipsOperation extract = new("extract_band");
        return extract.Set("in", this).Set("band", 0).Set("n", count).ToImage();
    }

    private VipsImage RepeatFirstBand()
    {
        using VipsImage single = Bands == 1 ? Share() : TakeBands(1);
        using VipsOperation convert = new("colourspace");
        return convert
            .Set("in", single)
            .Set("space", (int)VipsInterpretation.Srgb)
            .Set("source-space", (int)VipsInterpretation.Grey)
            .ToImage();
    }
}
