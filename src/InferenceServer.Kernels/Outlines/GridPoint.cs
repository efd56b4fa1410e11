namespace InferenceServer.Kernels.Outlines;

/// <summary>A corner of pixels: (0, 0) is the image's upper left corner, (1, 0) lies between its first two columns.</summary>
/// <param name="X">0 to the image's width.</param>
/// <param name="Y">0 to the image's height, downwards.</param>
public readonly record struct GridPoint(int X, int Y)
{
    /// <summary>Twice the area of the triangle <paramref name="a"/>, <paramref name="b"/>, <paramref name="c"/>; its sign tells the turn at <paramref name="b"/>, 0 is straight.</summary>
    internal static long Turn(GridPoint a, GridPoint b, GridPoint c) => ((long)(b.X - a.X) * (c.Y - a.Y)) - ((long)(b.Y - a.Y) * (c.X - a.X));
}
