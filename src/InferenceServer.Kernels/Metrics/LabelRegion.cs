namespace InferenceServer.Kernels.Metrics;

/// <summary>The pixels of one label in a label map: how many, and the smallest box round them all.</summary>
/// <param name="Label">The label.</param>
/// <param name="Pixels">Number of pixels, at least 1.</param>
/// <param name="Left">First column of the box.</param>
/// <param name="Top">First row of the box.</param>
/// <param name="Width">Columns of the box, at least 1.</param>
/// <param name="Height">Rows of the box, at least 1.</param>
public readonly record struct LabelRegion(byte Label, long Pixels, int Left, int Top, int Width, int Height);
