namespace InferenceServer.Kernels.Resizing;

/// <summary>The interpolation of a resize. Which kernel a name stands for is the library's choice: see each resizer.</summary>
public enum ResizeFilter
{
    /// <summary>One source pixel, never mixed: the only filter fit for label maps.</summary>
    Nearest,

    /// <summary>Triangle kernel, two taps per axis when growing.</summary>
    Bilinear,

    /// <summary>Cubic convolution, four taps per axis when growing; overshoots at edges and is clipped to 0…255.</summary>
    Bicubic,
}
