namespace InferenceServer.Kernels.Outlines;

/// <summary>Turning and walking.</summary>
internal static class HeadingSteps
{
    private const int Headings = 4;

    public static Heading TurnRight(this Heading heading) => (Heading)(((int)heading + 1) % Headings);

    public static Heading TurnLeft(this Heading heading) => (Heading)(((int)heading + Headings - 1) % Headings);

    public static Heading Reverse(this Heading heading) => (Heading)(((int)heading + 2) % Headings);

    public static GridPoint Step(this GridPoint at, Heading heading) => heading switch
    {
        Heading.Up => new GridPoint(at.X, at.Y - 1),
        Heading.Right => new GridPoint(at.X + 1, at.Y),
        Heading.Down => new GridPoint(at.X, at.Y + 1),
        _ => new GridPoint(at.X - 1, at.Y),
    };
}
