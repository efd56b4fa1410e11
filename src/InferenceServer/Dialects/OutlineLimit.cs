using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Dialects;

/// <summary>Outlines of a mask for tools that draw them in a browser.</summary>
internal static class OutlineLimit
{
    private const int MaxPoints = 1_000_000; // a browser cannot draw more
    private const int PointBytes = 64;

    /// <returns>The parts of each class that occurs, by class; null where they have too many points.</returns>
    public static ILookup<int, LabelPolygon>? Outlines(this MaskContent content, double tolerance) =>
        Runtime.Formats.Outlines.Find(content, tolerance, MaxPoints, PointBytes);

    /// <param name="instead">What to do instead.</param>
    public static SegmentationException TooMany(string instead) =>
        new(
            SegmentationError.InvalidRequest,
            $"Expected at most {MaxPoints:N0} points in the mask's outlines, got more. {instead}.");
}
