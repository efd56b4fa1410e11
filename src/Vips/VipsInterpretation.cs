namespace Vips;

/// <summary>What the bands of an image mean. The values are those of libvips.</summary>
public enum VipsInterpretation
{
    /// <summary>Bands of no particular meaning.</summary>
    Multiband = 0,
    /// <summary>Grey, 8 bits.</summary>
    Grey = 1,
    /// <summary>A one-dimensional table.</summary>
    Histogram = 10,
    /// <summary>CIE XYZ.</summary>
    Xyz = 12,
    /// <summary>CIE L*a*b*.</summary>
    Lab = 13,
    /// <summary>Cyan, magenta, yellow and black.</summary>
    Cmyk = 15,
    /// <summary>RGB of an unknown colour space.</summary>
    Rgb = 17,
    /// <summary>L*a*b* in 16-bit integers.</summary>
    LabShort = 21,
    /// <summary>sRGB, 8 bits.</summary>
    Srgb = 22,
    /// <summary>RGB, 16 bits.</summary>
    Rgb16 = 25,
    /// <summary>Grey, 16 bits.</summary>
    Grey16 = 26,
    /// <summary>Linear RGB in floats, with the primaries of sRGB.</summary>
    LinearRgb = 28,
}
