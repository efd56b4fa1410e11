#pragma warning disable CA1720 // a number type can only be called by its name

namespace Vips;

/// <summary>The number type of each band of a pixel. The values are those of libvips.</summary>
public enum VipsBandFormat
{
    /// <summary>8 bits, unsigned.</summary>
    Byte = 0,
    /// <summary>8 bits, signed.</summary>
    SignedByte = 1,
    /// <summary>16 bits, unsigned.</summary>
    UInt16 = 2,
    /// <summary>16 bits, signed.</summary>
    Int16 = 3,
    /// <summary>32 bits, unsigned.</summary>
    UInt32 = 4,
    /// <summary>32 bits, signed.</summary>
    Int32 = 5,
    /// <summary>32-bit floating point.</summary>
    Single = 6,
    /// <summary>Two 32-bit floating-point numbers.</summary>
    Complex = 7,
    /// <summary>64-bit floating point.</summary>
    Double = 8,
    /// <summary>Two 64-bit floating-point numbers.</summary>
    DoubleComplex = 9,
}
