namespace InferenceServer.Kernels.Outlines;

/// <summary>A direction along the sides of pixels, clockwise as pictures are seen.</summary>
internal enum Heading
{
    Up,
    Right,
    Down,
    Left,
}
