using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>How a photograph lies in the network's input: all that is needed to prepare it and to undo that afterwards.</summary>
/// <param name="Photo">The photograph's own size.</param>
/// <param name="Resized">Its size after the resize.</param>
/// <param name="Input">The size of the network's input, padding included.</param>
/// <param name="Left">Columns of padding before the image.</param>
/// <param name="Top">Rows of padding before the image.</param>
public readonly record struct InputGeometry(ImageSize Photo, ImageSize Resized, ImageSize Input, int Left, int Top)
{
    /// <summary>Share of the input's pixels that are padding, 0 to 1.</summary>
    public double PadRatio => 1 - ((double)Math.Min(Resized.Width, Input.Width) * Math.Min(Resized.Height, Input.Height) / Input.Pixels);
}
